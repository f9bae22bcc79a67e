//! What a verified proof says, in words and as JSON. Everything here was verified; nothing is taken on trust but the
//! checkpoint.

use ledger_protocol::chain::{Checkpoint, ControlledBy, Header, InputLeaf};
use ledger_protocol::interchain::{DecisionVerdict, OutcomeResult, Verdict};
use ledger_protocol::proof::bundle::{Completeness, LegEnd, Missing, VerifiedLeg};
use ledger_protocol::proof::state::VerifiedState;
use ledger_protocol::proof::{KeyPlace, ProvenHeader, RecordState, Standing, VerifiedBundle, VerifiedFile};
use ledger_protocol::system::ProposalRecord;
use ledger_protocol::transaction::StateContent;
use ledger_protocol::{Code, Height};
use node_api::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

/// What a file proves.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Proven {
    /// Always true: what does not verify is an error, not an outcome.
    pub(crate) verified: bool,
    /// `header`, `transaction`, `event`, `change`, `unchanged`, `state`, `value`, `message`, `record`, `consistency`
    /// or `bundle`.
    pub(crate) kind: &'static str,
    /// What is proven, one sentence per line.
    pub(crate) statement: Vec<String>,
    /// The same for programs; its fields depend on the kind.
    pub(crate) facts: Value,
    /// The checkpoint that everything rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trusted: Option<Trusted>,
    /// Validator hand-offs that had to be trusted on the way from the checkpoint.
    pub(crate) handoffs: Vec<u64>,
}

/// The checkpoint that was trusted.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Trusted {
    chain: String,
    height: u64,
    header_hash: String,
}

impl Proven {
    /// The statement for people.
    pub(crate) fn words(&self) -> String {
        let mut text = format!("VERIFIED ({})\n{}", self.kind, self.statement.join("\n"));
        if let Some(trusted) = &self.trusted {
            text.push_str(&format!("\nfrom the checkpoint of {} at height {}", trusted.chain, trusted.height));
        }
        if !self.handoffs.is_empty() {
            let heights: Vec<String> = self.handoffs.iter().map(u64::to_string).collect();
            text.push_str(&format!("\ntrusting the validators who handed over at height {}", heights.join(", ")));
        }
        text
    }
}

/// A verified file for people and programs.
pub(crate) fn of(verified: &VerifiedFile, trusted: Option<&Checkpoint>) -> Proven {
    let (kind, statement, facts, handoffs) = match verified {
        VerifiedFile::Header(it) => ("header", vec![block(it.header())], json!({}), heights(it)),
        VerifiedFile::Transaction(it) => {
            let header = it.header.header();
            let what = match &it.leaf {
                InputLeaf::Signed { id, .. } => format!("Transaction {id}"),
                InputLeaf::System { hash } => format!("System input {hash}"),
            };
            let codes: Vec<Value> = it.receipt.codes.iter().map(|code| code_json(*code)).collect();
            let outcome: Vec<String> = it.receipt.codes.iter().map(|code| code_words(*code)).collect();
            let statement = vec![
                format!("{what} is input {} of {}", it.index, block(header)),
                format!("Outcome: {}", outcome.join(", ")),
            ];
            let facts = json!({
                "input": it.receipt.input.to_string(), "index": it.index, "codes": codes,
                "fuel": it.receipt.fuel, "changes": it.receipt.changes, "events": it.receipt.events.count,
            });
            ("transaction", statement, with_block(facts, header), heights(&it.header))
        }
        VerifiedFile::Event(it) => {
            let header = it.header.header();
            let event = &it.event;
            let payload = Bytes::of(&event.payload);
            let statement = vec![format!(
                "Event {} of topic {:?}, account {}, ledger {}: {} in {}",
                event.sequence,
                event.topic.as_str(),
                event.account,
                event.ledger,
                shown(&payload),
                block(header)
            )];
            let facts = json!({
                "ledger": event.ledger.0, "account": event.account.as_str(), "topic": event.topic.as_str(),
                "sequence": event.sequence.0, "payload": payload,
            });
            ("event", statement, with_block(facts, header), heights(&it.header))
        }
        VerifiedFile::Change(it) => {
            let header = it.header.header();
            let change = &it.change;
            let place = KeyPlace::of(change);
            let statement = vec![format!(
                "{} got version {} ({}) in {}",
                place_words(&place),
                change.version,
                debug_label(&change.kind),
                block(header)
            )];
            let facts = json!({
                "place": place_json(&place), "version": change.version.0, "change": debug_label(&change.kind),
                "value_hash": change.value_hash.to_string(),
            });
            ("change", statement, with_block(facts, header), heights(&it.header))
        }
        VerifiedFile::Unchanged(it) => {
            let header = it.header.header();
            let statement = vec![format!("{} did not change in {}", place_words(&it.place), block(header))];
            ("unchanged", statement, with_block(json!({"place": place_json(&it.place)}), header), heights(&it.header))
        }
        VerifiedFile::LedgerState(it) => {
            let header = it.header.header();
            let (words, value) = match &it.state {
                VerifiedState::Absent => ("holds nothing".to_owned(), Value::Null),
                VerifiedState::Present(value) => (
                    format!("holds {} (version {})", content_words(&value.content), value.version),
                    json!({"version": value.version.0, "content": content_json(&value.content)}),
                ),
            };
            let statement = vec![format!("{} {words} at the end of {}", place_words(&it.place), block(header))];
            let facts = json!({"place": place_json(&it.place), "state": value});
            ("state", statement, with_block(facts, header), heights(&it.header))
        }
        VerifiedFile::Value(it) => {
            let (words, value) = match &it.standing {
                Standing::Held { version, content } => (
                    format!("held {} (version {version})", content_words(content)),
                    json!({"held": {"version": version.0, "content": content_json(content)}}),
                ),
                Standing::Deleted { version } => {
                    (format!("held nothing: deleted as version {version}"), json!({"deleted": {"version": version.0}}))
                }
                Standing::NeverWritten => ("had never been written".to_owned(), json!("never_written")),
            };
            let statement = vec![format!(
                "{} {words} at the end of every block from {} to {} of {}",
                place_words(&it.place),
                it.from,
                it.through,
                it.header.header().chain
            )];
            let facts = json!({
                "place": place_json(&it.place), "value": value, "from_height": it.from.0, "through_height": it.through.0,
            });
            ("value", statement, with_block(facts, it.header.header()), heights(&it.header))
        }
        VerifiedFile::Message(it) => {
            let header = it.header.header();
            let message = &it.message;
            let statement = vec![format!(
                "Message {} from {} to {} was sent in {}",
                message.sequence,
                message.source,
                message.destination,
                block(header)
            )];
            let facts = json!({
                "source": message.source.to_string(), "destination": message.destination.to_string(),
                "sequence": message.sequence.0, "payload": hex::encode(&*message.payload),
            });
            ("message", statement, with_block(facts, header), heights(&it.header))
        }
        VerifiedFile::Record(it) => {
            let header = it.header.header();
            let (words, record) = match &it.state {
                RecordState::Absent => ("has no record".to_owned(), Value::Null),
                RecordState::Present { version, record } => {
                    (format!("is {} (version {version} of its record)", record_words(record)), record_json(record))
                }
            };
            let statement = vec![format!("Proposal {} {words} at the end of {}", it.id, block(header))];
            let facts = json!({"proposal": it.id.to_string(), "record": record});
            ("record", statement, with_block(facts, header), heights(&it.header))
        }
        VerifiedFile::Consistency(it) => {
            let statement = vec![format!(
                "The checkpoints of {} at heights {} and {} are of one history: whoever trusts the newer may trust the older",
                it.newer.chain, it.older.height, it.newer.height
            )];
            let facts = json!({"older_height": it.older.height.0, "newer_height": it.newer.height.0});
            ("consistency", statement, facts, Vec::new())
        }
        VerifiedFile::Bundle(it) => {
            let handoffs = it.trusted_handoffs.iter().map(|height| height.0).collect();
            ("bundle", bundle_words(it), bundle_json(it), handoffs)
        }
    };
    let trusted = trusted.map(|checkpoint| Trusted {
        chain: checkpoint.chain.to_string(),
        height: checkpoint.height.0,
        header_hash: checkpoint.header_hash.to_string(),
    });
    Proven { verified: true, kind, statement, facts, trusted, handoffs }
}

fn heights(header: &ProvenHeader) -> Vec<u64> {
    header.handoffs().iter().map(|height: &Height| height.0).collect()
}

fn block(header: &Header) -> String {
    format!("block {} of {} (header {}, time {} ms)", header.height, header.chain, header.hash(), header.timestamp_ms)
}

fn with_block(mut facts: Value, header: &Header) -> Value {
    if let Value::Object(map) = &mut facts {
        map.insert("chain".into(), json!(header.chain.to_string()));
        map.insert("height".into(), json!(header.height.0));
        map.insert("header_hash".into(), json!(header.hash().to_string()));
        map.insert("timestamp_ms".into(), json!(header.timestamp_ms.0));
    }
    facts
}

fn shown(bytes: &Bytes) -> String {
    bytes.text.as_ref().map_or_else(|| format!("hex:{}", bytes.hex), |text| format!("{text:?}"))
}

fn place_words(place: &KeyPlace) -> String {
    format!("Key {} of account {} on ledger {}", shown(&Bytes::of(&place.key)), place.account, place.ledger)
}

fn place_json(place: &KeyPlace) -> Value {
    json!({"ledger": place.ledger.0, "account": place.account.as_str(), "key": Bytes::of(&place.key)})
}

fn content_words(content: &StateContent) -> String {
    match content {
        StateContent::Plain(value) => format!("the value {}", shown(&Bytes::of(value))),
        StateContent::Sealed(value) => format!("a sealed value of {} bytes", value.len()),
        StateContent::Counter { value, min, max } => format!("the counter {value} within {min} … {max}"),
        StateContent::Tombstone => "nothing (deleted)".into(),
        StateContent::Working(_) => "a working entry".into(),
    }
}

fn content_json(content: &StateContent) -> Value {
    match content {
        StateContent::Plain(value) => json!({"plain": Bytes::of(value)}),
        StateContent::Sealed(value) => json!({"sealed": hex::encode(&**value)}),
        StateContent::Counter { value, min, max } => json!({"counter": {"value": value, "min": min, "max": max}}),
        StateContent::Tombstone => json!("deleted"),
        StateContent::Working(_) => json!("working"),
    }
}

fn code_words(code: Code) -> String {
    code.describe().map_or_else(|| code.to_string(), |(label, meaning)| format!("{label} ({meaning})"))
}

fn code_json(code: Code) -> Value {
    json!({"code": code.0, "label": code.to_string()})
}

/// The name of a plain variant, in lower case.
fn debug_label(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn decision_words(decision: Option<&DecisionVerdict>) -> String {
    match decision {
        None => "undecided".into(),
        Some(DecisionVerdict::Commit { .. }) => "COMMIT".into(),
        Some(DecisionVerdict::Abort { code, culprit }) => format!("ABORT, {code}, because of {culprit}"),
    }
}

fn decision_json(decision: Option<&DecisionVerdict>) -> Value {
    match decision {
        None => Value::Null,
        Some(DecisionVerdict::Commit { .. }) => json!({"verdict": "commit"}),
        Some(DecisionVerdict::Abort { code, culprit }) => {
            json!({"verdict": "abort", "reason": code_json(*code), "culprit": culprit.to_string()})
        }
    }
}

fn record_words(record: &ProposalRecord) -> String {
    format!("{}, decision {}", debug_label(&record.state), decision_words(record.decision.as_option()))
}

fn record_json(record: &ProposalRecord) -> Value {
    json!({
        "state": debug_label(&record.state), "proposer": record.proposer.to_string(),
        "submitted_at": record.submitted_at.0, "started_at": record.started_at.0, "deadline": record.deadline.0,
        "decided_at": record.decided_at.0, "decision": decision_json(record.decision.as_option()),
    })
}

fn control_words(control: &ControlledBy) -> String {
    match control {
        ControlledBy::SingleOrganisation => "a single organisation".into(),
        ControlledBy::Shared { max_share_per_mille } => {
            format!("several organisations, none above {max_share_per_mille} per mille")
        }
    }
}

fn bundle_words(bundle: &VerifiedBundle) -> Vec<String> {
    let mut lines = vec![
        format!("Proposal {}", bundle.id),
        format!(
            "proposed by {}, approved by {} member(s), {} signatures verified",
            bundle.body.proposer,
            bundle.body.members.len(),
            bundle.signatures
        ),
        format!(
            "submitted in relay block {} (time {} ms) by transaction {}",
            bundle.submitted_at, bundle.submitted_at_ms, bundle.transaction
        ),
        format!(
            "decision: {} (record of relay block {}, time {} ms)",
            decision_words(bundle.decision.as_ref()),
            bundle.recorded_at,
            bundle.recorded_at_ms
        ),
    ];
    for (index, leg) in bundle.legs.iter().enumerate() {
        lines.push(format!(
            "leg {index}: {} on {}: {}; the chain is controlled by {}",
            debug_label(&leg.mode),
            leg.chain,
            leg_words(leg),
            control_words(&leg.controlled_by)
        ));
    }
    match &bundle.completeness {
        Completeness::Complete => lines.push("The bundle is complete.".into()),
        Completeness::Partial(missing) => {
            let missing: Vec<String> = missing.iter().map(missing_words).collect();
            lines.push(format!("The bundle is PARTIAL; it does not show: {}", missing.join(", ")));
        }
    }
    lines
}

fn missing_words(missing: &Missing) -> String {
    match missing {
        Missing::Decision => "a decision".into(),
        Missing::Vote(chain) => format!("the vote of {chain}"),
        Missing::End(chain) => format!("the end on {chain}"),
    }
}

fn leg_words(leg: &VerifiedLeg) -> String {
    let vote = match &leg.vote {
        None => "no vote shown".to_owned(),
        Some(vote) => match vote.content {
            Verdict::Yes { .. } => format!("voted YES in its block {}", vote.height_on_source),
            Verdict::No { code, .. } => format!("voted NO ({code}) in its block {}", vote.height_on_source),
        },
    };
    let end = match leg.end {
        LegEnd::Open => "still open".to_owned(),
        LegEnd::Applied => "applied".into(),
        LegEnd::Released => "released".into(),
        LegEnd::Refused => "refused".into(),
        LegEnd::RefusedByNo { code } => format!("refused ({code})"),
        LegEnd::Disputed => "DISPUTED".into(),
        LegEnd::Noted { code } => format!("noted ({code})"),
        LegEnd::Broken => "BROKEN: the chain contradicted itself, and this proves it".into(),
    };
    match &leg.outcome {
        Some(outcome) => format!("{vote}, {end} in its block {}", outcome.height_on_source),
        None => format!("{vote}, {end}"),
    }
}

fn bundle_json(bundle: &VerifiedBundle) -> Value {
    let legs: Vec<Value> = bundle.legs.iter().map(leg_json).collect();
    let missing: Vec<String> = match &bundle.completeness {
        Completeness::Complete => Vec::new(),
        Completeness::Partial(missing) => missing.iter().map(missing_words).collect(),
    };
    json!({
        "proposal": bundle.id.to_string(),
        "relay": bundle.body.relay.to_string(),
        "proposer": bundle.body.proposer.to_string(),
        "members": bundle.body.members.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "transaction": bundle.transaction.to_string(),
        "submitted_at": bundle.submitted_at.0,
        "submitted_at_ms": bundle.submitted_at_ms.0,
        "recorded_at": bundle.recorded_at.0,
        "recorded_at_ms": bundle.recorded_at_ms.0,
        "record": record_json(&bundle.record),
        "decision": decision_json(bundle.decision.as_ref()),
        "legs": legs,
        "complete": missing.is_empty(),
        "missing": missing,
        "signatures": bundle.signatures,
    })
}

fn leg_json(leg: &VerifiedLeg) -> Value {
    let vote = leg.vote.as_ref().map(|vote| {
        let (verdict, code) = match vote.content {
            Verdict::Yes { .. } => ("yes", Value::Null),
            Verdict::No { code, .. } => ("no", code_json(code)),
        };
        json!({
            "verdict": verdict, "code": code, "height": vote.height_on_source.0,
            "timestamp_ms": vote.timestamp_ms_on_source.0, "trusted_at": vote.trusted_at.0,
        })
    });
    let outcome = leg.outcome.as_ref().map(|outcome| {
        let result = match outcome.content {
            OutcomeResult::Applied { .. } => "applied",
            OutcomeResult::Released => "released",
            OutcomeResult::Refused => "refused",
            OutcomeResult::Disputed => "disputed",
            OutcomeResult::Noted { .. } => "noted",
        };
        json!({
            "result": result, "height": outcome.height_on_source.0,
            "timestamp_ms": outcome.timestamp_ms_on_source.0, "trusted_at": outcome.trusted_at.0,
        })
    });
    let end = match leg.end {
        LegEnd::Open => "open",
        LegEnd::Applied => "applied",
        LegEnd::Released => "released",
        LegEnd::Refused | LegEnd::RefusedByNo { .. } => "refused",
        LegEnd::Disputed => "disputed",
        LegEnd::Noted { .. } => "noted",
        LegEnd::Broken => "broken",
    };
    json!({
        "chain": leg.chain.to_string(), "mode": debug_label(&leg.mode), "end": end, "vote": vote, "outcome": outcome,
        "controlled_by": control_words(&leg.controlled_by),
    })
}
