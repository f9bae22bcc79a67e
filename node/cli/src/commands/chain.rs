//! `crosstie chain`: create, register, activate, report, list.

use super::motion::{chain_id, decide, registration};
use super::tx::{DefaultSigner, perform, signers, words};
use super::up::subchain_plan;
use crate::args::{ChainCommand, GlobalArgs, SigningArgs, SuiteArg};
use crate::bring_up::registry;
use crate::build::{ChainWriter, Sent, on};
use crate::client::{Client, path};
use crate::exit::{Failure, Kind, Outcome};
use crate::output::{Output, table};
use crate::reanchor;
use crate::text;
use ledger_protocol::interchain::Motion;
use ledger_protocol::transaction::Operation;
use ledger_protocol::{LedgerId, Suite};
use node_api::{ChainEntry, FollowsView, LedgerEntry, RegistryEntryView, routes};
use node_runtime::{config, devnet, evidence};
use serde::Serialize;
use std::path::Path;

/// Longest name: key names are made from it.
const MAX_NAME_BYTES: usize = 40;
/// Most legs that hold locks that are shown to people.
const SHOWN_LOCKED: usize = 8;

#[derive(Serialize)]
struct Created {
    chain: String,
    id: String,
    /// One command per node that must run.
    start: Vec<String>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct ChainList {
    chains: Vec<ChainView>,
}

#[derive(Serialize)]
struct ChainView {
    name: String,
    id: String,
    is_relay: bool,
    suite: String,
    ledgers: Vec<LedgerEntry>,
    nodes: Vec<String>,
    /// How the relay knows it; absent for the relay and for a chain that is not registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<RegistryEntryView>,
    /// Whether it has the header that the relay trusts of it; absent where nobody looked, and while it is shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_trusted_header: Option<bool>,
    /// What it follows of the relay, as its own nodes say; absent where nobody asked or nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<FollowsView>,
}

#[derive(Serialize)]
struct Reported {
    /// Who contradicted itself.
    validator: String,
    height: u64,
    round: u32,
    /// `prevote`, `precommit` or `proposal`.
    step: String,
    transaction: Sent,
}

pub(super) fn run(command: &ChainCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    match command {
        ChainCommand::Create { name, validators, suite, processes } => {
            create(&client, name, usize::from(*validators), *suite, *processes, output)
        }
        ChainCommand::Register { chain } => {
            let id = chain_id(&client, chain)?;
            if let Some(entry) = registry(&client)?.into_iter().find(|entry| entry.chain == id.to_string()) {
                output.say(format_args!("{chain} is registered already ({})", entry.standing.status));
                output.data(&entry, |entry| format!("{} {}", entry.name, entry.standing.status));
                return Ok(());
            }
            let relay = text::parse("chain id", &client.relay()?.id)?;
            decide(&client, registration(&client, &relay, chain)?, output)
        }
        ChainCommand::Activate { chain } => {
            let id = chain_id(&client, chain)?;
            let entry =
                registry(&client)?.into_iter().find(|entry| entry.chain == id.to_string()).ok_or_else(|| {
                    Failure::not_found(format_args!("the relay does not know {chain}"))
                        .next(format_args!("register it first: crosstie chain register {chain}"))
                })?;
            if entry.standing.status == "active" {
                output.say(format_args!("{chain} is active already"));
                output.data(&entry, |entry| format!("{} {}", entry.name, entry.standing.status));
                return Ok(());
            }
            decide(&client, Motion::Activate(id), output)
        }
        ChainCommand::FollowRelay { chain, height, signing } => {
            super::follow::run(&client, chain, *height, signing, output)
        }
        ChainCommand::ReportFork { chain, wait_s } => super::fork::run(&client, chain, *wait_s, output),
        ChainCommand::ReportEquivocation { file, signing } => report_equivocation(&client, file, signing, output),
        ChainCommand::List => {
            let known = registry_or_none(&client, output)?;
            let mut chains: Vec<ChainView> =
                client.network.chains.iter().map(|chain| view(&client, chain, &known)).collect();
            // Chains that others run are in the registry only.
            for entry in &known {
                if !chains.iter().any(|chain| chain.id == entry.chain) {
                    chains.push(ChainView {
                        name: entry.name.clone(),
                        id: entry.chain.clone(),
                        is_relay: false,
                        suite: text::parse::<ledger_protocol::ChainId>("chain id", &entry.chain)?.suite.to_string(),
                        ledgers: Vec::new(),
                        nodes: Vec::new(),
                        registry: Some(entry.clone()),
                        has_trusted_header: None,
                        follows: None,
                    });
                }
            }
            output.data(&ChainList { chains }, |list| {
                let rows: Vec<Vec<String>> = list
                    .chains
                    .iter()
                    .map(|chain| vec![chain.name.clone(), chain.suite.clone(), standing(chain), chain.id.clone()])
                    .collect();
                table(&["CHAIN", "SUITE", "STANDING", "ID"], &rows)
            });
            Ok(())
        }
        ChainCommand::Status { chain } => {
            let known = registry_or_none(&client, output)?;
            let mut chain = view(&client, client.chain(chain)?, &known);
            if !chain.is_relay {
                ask_the_chain(&client, &mut chain, output)?;
            }
            output.data(&chain, status_words);
            Ok(())
        }
    }
}

fn status_words(chain: &ChainView) -> String {
    let ledgers: Vec<String> =
        chain.ledgers.iter().map(|ledger| format!("{} {}", ledger.ledger, ledger.name)).collect();
    let mut text = format!(
        "chain       {}\nid          {}\nsuite       {}\nstanding    {}\n",
        chain.name,
        chain.id,
        chain.suite,
        standing(chain)
    );
    if let Some(entry) = &chain.registry {
        text.push_str(&format!("control     {}\nat relay    height {}", entry.controlled_by, entry.height_on_source));
        match entry.reanchored {
            0 => text.push('\n'),
            1 => text.push_str(", re-anchored once\n"),
            times => text.push_str(&format!(", re-anchored {times} times\n")),
        }
        if entry.held_since > 0 {
            text.push_str(&format!("lane        held since relay height {}\n", entry.held_since));
        }
        if !entry.waiting_for.is_empty() {
            text.push_str(&format!("waits for   {}\n", entry.waiting_for));
        }
        if let Some(hint) = &entry.hint {
            text.push_str(&format!("hint        {hint}\n"));
        }
        text.push_str(&limits(entry));
    }
    if let Some(follows) = &chain.follows {
        text.push_str(&format!("follows     relay height {}", follows.height));
        if follows.highest_height > follows.height {
            text.push_str(&format!(" (it had accepted {})", follows.highest_height));
        }
        text.push('\n');
        if follows.suspended {
            text.push_str("suspended   by a contradiction of the relay\n");
        }
        for leg in follows.locked.iter().take(SHOWN_LOCKED) {
            text.push_str(&format!("locked by   {} since relay height {}\n", leg.proposal, leg.started_at));
        }
        if let Some(more) = follows.locked.len().checked_sub(SHOWN_LOCKED).filter(|more| *more > 0) {
            text.push_str(&format!("            and {more} more (--json shows them)\n"));
        }
    }
    text.push_str(&format!("ledgers     {}\nnodes       {}", ledgers.join(", "), chain.nodes.join(", ")));
    text
}

/// What only the chain's own nodes can say.
fn ask_the_chain(client: &Client, chain: &mut ChainView, output: &Output) -> Outcome {
    match client.get(&chain.name, &path(routes::FOLLOWS, &[&chain.name])) {
        Ok(follows) => chain.follows = Some(follows),
        Err(failure) if matches!(failure.kind, Kind::Unreachable | Kind::NotFound) => {
            output.warn(format_args!("no node of {} answers, so nobody can say which branch it is on", chain.name));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    }
    if let (Some(entry), Some(follows)) = (&mut chain.registry, &chain.follows) {
        if entry.held_since > 0 && follows.height >= entry.held_since {
            entry.waiting_for = format!(
                "its couriers: it follows relay block {}, and the relay has not heard of it yet",
                follows.height
            );
            entry.hint = None;
        } else if entry.held_since == 0 && follows.suspended {
            entry.waiting_for = "the chain's governance: a contradiction of the relay has suspended it".into();
            entry.hint = Some(format!("crosstie chain follow-relay {}", chain.name));
        }
    }
    look_for_another_branch(client, chain)
}

/// Whether the chain still has the header that the relay trusts of it. If not, nothing of it arrives any more, and only
/// members can help; the relay itself cannot see it.
fn look_for_another_branch(client: &Client, chain: &mut ChainView) -> Outcome {
    let Some(entry) = &mut chain.registry else { return Ok(()) };
    if matches!(entry.standing.status.as_str(), "registered" | "retired") {
        return Ok(());
    }
    let trusted = reanchor::trusted(client, &text::parse("chain id", &chain.id)?)?;
    let own = reanchor::own_hash(client, &chain.name, trusted.height)?;
    chain.has_trusted_header = own.map(|own| own == trusted.header_hash);
    if entry.standing.status != "active" {
        return Ok(());
    }
    if chain.has_trusted_header.is_none() {
        entry.waiting_for = format!(
            "its validators: they are behind block {}, which the relay trusts. Either they catch up, or they lost it",
            trusted.height
        );
        entry.hint = Some("crosstie status".into());
    }
    if chain.has_trusted_header == Some(false) {
        entry.waiting_for = format!(
            "anyone: the relay trusts another block {} than the chain has; it lost or forked its history, and nothing \
             of it arrives",
            trusted.height
        );
        entry.hint = Some(format!("crosstie chain report-fork {}", chain.name));
    }
    Ok(())
}

/// The registry; without a relay that answers, what the directory knows must do.
fn registry_or_none(client: &Client, output: &Output) -> Outcome<Vec<RegistryEntryView>> {
    match registry(client) {
        Ok(entries) => Ok(entries),
        Err(failure) if failure.kind == Kind::Unreachable => {
            output.warn(format_args!("the relay does not answer, so no standing is shown\n{failure}"));
            Ok(Vec::new())
        }
        Err(failure) => Err(failure),
    }
}

fn standing(chain: &ChainView) -> String {
    match &chain.registry {
        _ if chain.is_relay => "relay".into(),
        None => "not registered".into(),
        Some(entry) => {
            let marks = [
                ("lane held", entry.held_since > 0),
                ("stale", entry.standing.stale),
                ("lagging", entry.standing.lagging),
                ("suspect", entry.standing.suspect),
            ];
            let marks: Vec<&str> = marks.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
            if marks.is_empty() {
                entry.standing.status.clone()
            } else {
                format!("{} ({})", entry.standing.status, marks.join(", "))
            }
        }
    }
}

/// What proposals use of a chain, of what they may.
fn limits(entry: &RegistryEntryView) -> String {
    let (used, most) = (&entry.usage, &entry.limits);
    let mut text = format!(
        "in flight   {} of {} legs, {} of {} bytes, {} of {} keys x blocks\n\
         window      of {} blocks: {} of {} legs begun, {} of {} silent\n",
        entry.in_flight,
        most.max_in_flight,
        used.bytes,
        most.max_bytes,
        used.key_blocks,
        most.max_key_blocks,
        most.window_blocks,
        used.begun,
        most.max_begun,
        used.silent,
        most.max_silent,
    );
    if used.silent_until > 0 {
        text.push_str(&format!("silent      no new proposals until relay height {}\n", used.silent_until));
    }
    for back_off in &used.back_offs {
        text.push_str(&format!("backs off   {} until relay height {}\n", back_off.proposer, back_off.until));
    }
    text
}

fn view(client: &Client, chain: &ChainEntry, known: &[RegistryEntryView]) -> ChainView {
    let hosts = client.network.nodes.iter().filter(|node| node.replicas.iter().any(|it| it.chain == chain.name));
    ChainView {
        name: chain.name.clone(),
        id: chain.id.clone(),
        is_relay: chain.is_relay,
        suite: chain.suite.clone(),
        ledgers: chain.ledgers.clone(),
        nodes: hosts.map(|node| node.name.clone()).collect(),
        registry: known.iter().find(|entry| entry.chain == chain.id).cloned(),
        has_trusted_header: None,
        follows: None,
    }
}

fn create(
    client: &Client,
    name: &str,
    validators: usize,
    suite: SuiteArg,
    processes: bool,
    output: &Output,
) -> Outcome {
    if name.len() > MAX_NAME_BYTES {
        return Err(Failure::usage(format_args!("the name has {} bytes", name.len()))
            .next(format_args!("use at most {MAX_NAME_BYTES}")));
    }
    crate::keys::key_name(name)?;
    let suite = match suite {
        SuiteArg::Standard => Suite::Standard,
        SuiteArg::Guomi => Suite::Guomi,
    };
    if client.network.chains.iter().any(|chain| chain.name == name) {
        return Err(Failure::usage(format_args!("the network has a chain {name} already"))
            .next("choose another name; `crosstie chain list` shows them"));
    }
    let directory = &client.directory;
    let plan = subchain_plan(name, suite);
    // Read again: another command may have added a chain in between.
    let network = config::read_network(directory)?;
    let network = devnet::add_subchain(directory, &network, &plan, validators, processes)?;
    let hosts = network.nodes.iter().filter(|node| node.replicas.iter().any(|replica| replica.chain == name));
    let shown = directory.display();
    let start = hosts.map(|node| format!("crosstie node run --dir {shown} --node {}", node.name)).collect();
    let id = network.chains.iter().find(|chain| chain.name == name).map(|chain| chain.id.clone()).unwrap_or_default();
    let next = ["register", "activate"].map(|verb| format!("crosstie chain {verb} {name} --dir {shown}")).to_vec();
    output.data(&Created { chain: name.to_owned(), id, start, next }, |created| {
        format!(
            "made chain {} ({})\nstart its nodes, each in a terminal of its own:\n  {}\nthen:\n  {}",
            created.chain,
            created.id,
            created.start.join("\n  "),
            created.next.join("\n  ")
        )
    });
    Ok(())
}

fn report_equivocation(client: &Client, file: &Path, signing: &SigningArgs, output: &Output) -> Outcome {
    let equivocation = evidence::read(file).map_err(|error| {
        Failure::input(file, error).next("name a file of a node's folder `evidence`; `crosstie doctor` lists them")
    })?;
    let chain = client.chain(&equivocation.chain.to_string())?.name.clone();
    let writer = ChainWriter::open(client, &chain)?;
    let keys = signers(client, writer.chain, signing, DefaultSigner::Admin)?;
    let operation = on(LedgerId::SYSTEM.0, Operation::ReportEquivocation(equivocation));
    if let Some(transaction) = perform(&writer, &keys, vec![operation], signing, output)? {
        let reported = Reported {
            validator: equivocation.address().to_string(),
            height: equivocation.height.0,
            round: equivocation.round.0,
            step: equivocation.contradiction.step().to_string(),
            transaction,
        };
        output.data(&reported, |it| {
            format!(
                "validator {} signed two {}s at height {}, round {}\n{}",
                it.validator,
                it.step,
                it.height,
                it.round,
                words(&it.transaction)
            )
        });
    }
    Ok(())
}
