//! `crosstie load`: each row of a CSV file a versioned record.
//!
//! Safe to stop and to run again at any point: a key is written only if it is exactly as it was seen before (absent, or
//! at a version), so a transaction whose fate was unknown is never doubled. In an account that holds something
//! already, every key is asked for before its row is sent. Memory is bounded by the rows under way.

mod rows;

use crate::args::{GlobalArgs, LoadArgs};
use crate::build::{ChainWriter, on};
use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::keys::Keys;
use crate::output::Output;
use crate::text;
use ledger_protocol::codec::Tag;
use ledger_protocol::suite::{SecretKey, hash_object};
use ledger_protocol::transaction::{Expectation, LedgerOperation, Operation, SetKey, StateContent};
use ledger_protocol::{AccountName, Code, Version};
use node_api::{AccountView, HistoryView, StateEntryView, StateListView, routes};
use node_runtime::devnet;
use rows::{Row, Rows};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Most bytes of the rows of one transaction.
const MAX_BATCH_BYTES: usize = 256 << 10;
/// How often a batch is planned again when its keys changed under it or are locked.
const MAX_ATTEMPTS: u32 = 40;
/// Pause before a batch with a locked key is tried again.
const LOCKED_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Default, Serialize)]
struct Loaded {
    file: String,
    chain: String,
    ledger: u32,
    account: String,
    /// Rows read.
    rows: u64,
    /// Rows written as the first version of their key.
    created: u64,
    /// Rows written as a later version of their key.
    updated: u64,
    /// Rows whose content stood at their key already.
    unchanged: u64,
    transactions: u64,
    elapsed_s: f64,
    rows_per_s: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    created: u64,
    updated: u64,
    unchanged: u64,
    transactions: u64,
}

/// Where rows go.
struct Target<'a> {
    client: &'a Client,
    writer: ChainWriter<'a>,
    key: SecretKey,
    ledger: u32,
    account: AccountName,
    wait: Duration,
    /// Nothing is there yet, so nothing need be asked before the first attempt.
    is_empty: bool,
}

type Batch = Vec<Row>;
type Done = (Batch, Outcome<Counts>);

pub(super) fn run(args: &LoadArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let started = Instant::now();
    // The file is looked at first: a wrong path or column needs no network.
    let mut rows = Rows::open(&args.file, &args.key_columns)?;
    let client = super::client(global)?;
    let target = open_target(&client, args)?;
    let mut loaded = Loaded {
        file: args.file.display().to_string(),
        chain: target.writer.chain.name.clone(),
        ledger: args.ledger,
        account: args.account.clone(),
        ..Loaded::default()
    };
    let bar = output.progress(Some(rows.file_bytes()), "{bar:40} {bytes}/{total_bytes} {msg} {eta}");
    let outcome = std::thread::scope(|scope| {
        let (jobs, queue) = channel::<Batch>();
        let queue = Arc::new(Mutex::new(queue));
        let (done, results) = channel::<Done>();
        for _ in 0..args.in_flight {
            let (queue, done, target) = (Arc::clone(&queue), done.clone(), &target);
            scope.spawn(move || work(&queue, &done, target));
        }
        drop(done);
        let window = Window { jobs, results, under_way: 0, keys: BTreeSet::new(), loaded: &mut loaded, failure: None };
        feed(&mut rows, window, args, &bar)
    });
    bar.finish_and_clear();
    loaded.elapsed_s = started.elapsed().as_secs_f64();
    loaded.rows_per_s = if loaded.elapsed_s > 0.0 { loaded.rows as f64 / loaded.elapsed_s } else { 0.0 };
    outcome.map_err(|failure| with_progress(failure, &loaded))?;
    output.data(&loaded, |loaded| {
        format!(
            "{} rows: {} new, {} changed, {} there already; {} transactions in {:.1} s ({:.0} rows/s)",
            loaded.rows,
            loaded.created,
            loaded.updated,
            loaded.unchanged,
            loaded.transactions,
            loaded.elapsed_s,
            loaded.rows_per_s
        )
    });
    Ok(())
}

/// What was loaded stays: the failure says how much, and that the same command goes on.
fn with_progress(failure: Failure, loaded: &Loaded) -> Failure {
    let stays = loaded.created.saturating_add(loaded.updated).saturating_add(loaded.unchanged);
    let before = failure.next.clone().map(|next| format!("{next}; ")).unwrap_or_default();
    failure.next(format_args!(
        "{before}{stays} rows are loaded and stay; the same command again goes on and doubles nothing"
    ))
}

fn open_target<'a>(client: &'a Client, args: &LoadArgs) -> Outcome<Target<'a>> {
    let writer = ChainWriter::open(client, &args.chain)?;
    let name = &writer.chain.name;
    let url = path(routes::ACCOUNT, &[name, &args.ledger.to_string(), &args.account]);
    let known: Outcome<AccountView> = client.get(name, &url);
    known.map_err(|failure| match failure.kind {
        Kind::NotFound => failure.next(format_args!(
            "declare it first: crosstie tx declare-account {name} {} {}",
            args.ledger, args.account
        )),
        _ => failure,
    })?;
    let list = path(routes::STATE_LIST, &[name, &args.ledger.to_string(), &args.account]);
    let first: StateListView = client.get(name, &query(list, &[("limit", Some("1".into()))]))?;
    let signer = args.signer.clone().unwrap_or_else(|| devnet::operator_key_name(name));
    let key = Keys::open(&client.directory, args.passphrase_file.as_deref())?.account(&signer)?;
    Ok(Target {
        client,
        key,
        ledger: args.ledger,
        account: text::words("account", &args.account)?,
        wait: Duration::from_secs(args.wait_s),
        is_empty: first.entries.is_empty(),
        writer,
    })
}

/// The batches under way.
struct Window<'a> {
    jobs: Sender<Batch>,
    results: Receiver<Done>,
    under_way: u16,
    /// Their keys, so that two rows of one key never race.
    keys: BTreeSet<Vec<u8>>,
    loaded: &'a mut Loaded,
    failure: Option<Failure>,
}

impl Window<'_> {
    /// Waits for one batch to end.
    fn settle(&mut self, file: &Path) {
        let Ok((batch, outcome)) = self.results.recv() else {
            self.under_way = 0;
            self.failure.get_or_insert_with(|| Failure::internal("the threads that send rows ended"));
            return;
        };
        self.under_way = self.under_way.saturating_sub(1);
        for row in &batch {
            self.keys.remove(&*row.key);
        }
        match outcome {
            Ok(counts) => {
                self.loaded.created += counts.created;
                self.loaded.updated += counts.updated;
                self.loaded.unchanged += counts.unchanged;
                self.loaded.transactions += counts.transactions;
            }
            Err(failure) => {
                let (first, last) = (batch.first().map_or(0, |row| row.line), batch.last().map_or(0, |row| row.line));
                let place = failure.place.clone().map(|place| format!(" ({place})")).unwrap_or_default();
                let failure = failure.at(format_args!("{}:{first}-{last}{place}", file.display()));
                self.failure.get_or_insert(failure);
            }
        }
    }

    fn settle_all(&mut self, file: &Path) {
        while self.under_way > 0 {
            self.settle(file);
        }
    }

    fn send(&mut self, batch: Batch, args: &LoadArgs) {
        if batch.is_empty() {
            return;
        }
        while self.under_way >= args.in_flight {
            self.settle(&args.file);
        }
        self.keys.extend(batch.iter().map(|row| row.key.to_vec()));
        // Fails only when every thread ended, which `settle` reports.
        if self.jobs.send(batch).is_ok() {
            self.under_way += 1;
        }
    }
}

/// Reads rows and hands them out in batches; ends at the first failure, after what is under way has ended.
fn feed(rows: &mut Rows, mut window: Window<'_>, args: &LoadArgs, bar: &indicatif::ProgressBar) -> Outcome {
    let mut batch: Batch = Vec::new();
    let mut bytes = 0;
    let wrong_row = loop {
        if window.failure.is_some() {
            break None;
        }
        let row = match rows.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => break None,
            Err(failure) => break Some(failure),
        };
        let is_under_way = window.keys.contains(&*row.key);
        if is_under_way || batch.iter().any(|other| other.key == row.key) {
            window.send(std::mem::take(&mut batch), args);
            bytes = 0;
            window.settle_all(&args.file);
        }
        bytes += row.key.len() + row.value.len();
        window.loaded.rows += 1;
        batch.push(row);
        if batch.len() >= usize::from(args.batch) || bytes >= MAX_BATCH_BYTES {
            window.send(std::mem::take(&mut batch), args);
            bytes = 0;
            bar.set_position(rows.position_bytes());
            bar.set_message(format!("{} rows", window.loaded.rows));
        }
    };
    // Rows before a wrong one are good, and stay.
    if window.failure.is_none() {
        window.send(batch, args);
    }
    window.settle_all(&args.file);
    match window.failure.take().or(wrong_row) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

fn work(queue: &Mutex<Receiver<Batch>>, done: &Sender<Done>, target: &Target<'_>) {
    loop {
        let next = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok(batch) = next else { return };
        let outcome = load_batch(target, &batch);
        if done.send((batch, outcome)).is_err() {
            return;
        }
    }
}

/// Writes what is missing of a batch, in one transaction.
fn load_batch(target: &Target<'_>, batch: &[Row]) -> Outcome<Counts> {
    let mut counts = Counts::default();
    let mut ask_first = !target.is_empty;
    for _ in 0..MAX_ATTEMPTS {
        let mut plan = Counts::default();
        let mut operations: Vec<LedgerOperation> = Vec::with_capacity(batch.len());
        for row in batch {
            let expected = if ask_first { missing(target, row)? } else { Some(Expectation::Absent) };
            let Some(expected) = expected else {
                plan.unchanged += 1;
                continue;
            };
            match expected {
                Expectation::Version(_) => plan.updated += 1,
                _ => plan.created += 1,
            }
            let operation =
                SetKey { account: target.account.clone(), key: row.key.clone(), value: row.value.clone(), expected };
            operations.push(on(target.ledger, Operation::SetKey(operation)));
        }
        if operations.is_empty() {
            return Ok(Counts { unchanged: plan.unchanged, ..counts });
        }
        match target.writer.execute(std::slice::from_ref(&target.key), operations, target.wait) {
            Ok(_) => {
                counts.transactions += 1;
                return Ok(Counts { transactions: counts.transactions, ..plan });
            }
            // A key is not as it was expected, or held by a proposal: look at every key, and plan again.
            Err(failure) if failure.code == Some(Code::EXPECTATION_UNMET.0) => counts.transactions += 1,
            Err(failure) if failure.code == Some(Code::LOCKED.0) => {
                counts.transactions += 1;
                std::thread::sleep(LOCKED_PAUSE);
            }
            Err(failure) => return Err(failure),
        }
        ask_first = true;
    }
    Err(Failure::timed_out("the keys of these rows are written or locked by others again and again")
        .next("wait until the other writer has ended"))
}

/// What a row's write must expect; nothing if its content stands, or once stood, at its key.
fn missing(target: &Target<'_>, row: &Row) -> Outcome<Option<Expectation>> {
    let chain = &target.writer.chain.name;
    let (ledger, key) = (target.ledger.to_string(), hex::encode(&*row.key));
    let parts = [chain.as_str(), &ledger, target.account.as_str(), &key];
    let found: Outcome<StateEntryView> = target.client.get(chain, &path(routes::STATE, &parts));
    let entry = match found {
        Ok(entry) => entry,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(Some(Expectation::Absent)),
        Err(failure) => return Err(failure),
    };
    if entry.value.as_ref().is_some_and(|value| value.hex == hex::encode(&*row.value)) {
        return Ok(None);
    }
    let content = StateContent::Plain(row.value.clone());
    let value_hash = hash_object(target.writer.id.suite, Tag::VALUE, &content).to_string();
    let history: HistoryView = target.client.get(chain, &path(routes::HISTORY, &parts))?;
    if history.versions.iter().any(|version| version.value_hash == value_hash) {
        return Ok(None);
    }
    Ok(Some(if entry.kind == "deleted" { Expectation::Absent } else { Expectation::Version(Version(entry.version)) }))
}
