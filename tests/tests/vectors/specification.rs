//! Walks the tables of `docs/protocol.md` against the code.

use ledger_protocol::Code;
use ledger_protocol::codec::Tag;
use ledger_protocol::interchain::MessageContent;
use ledger_protocol::proof::AnyProof;
use ledger_protocol::transaction::Operation;
use std::collections::BTreeSet;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// The cells of the rows of the table behind `<!-- table: name -->`.
fn table(name: &str) -> Vec<Vec<String>> {
    let page = page();
    let mark = format!("<!-- table: {name} -->");
    let (_, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("docs/protocol.md has no table {name}"));
    rest.lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

#[test]
fn every_proof_starts_at_the_header_field_that_the_page_names() {
    let header = table("header");
    let fields: BTreeSet<String> = header.iter().map(|row| row[0].clone()).collect();
    assert_eq!(header.len(), 18, "fields of the header");
    let rows: Vec<(String, String, String)> =
        table("proofs").into_iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone())).collect();
    let code: Vec<(String, String, String)> = AnyProof::ALL
        .iter()
        .map(|(code, name, starts)| (code.to_string(), name.to_string(), starts.to_string()))
        .collect();
    assert_eq!(rows, code);
    for (_, proof, starts) in rows {
        for field in starts.split(", ") {
            assert!(fields.contains(field), "{proof} starts at {field}, which is no field of the header");
        }
    }
}

#[test]
fn tags_operations_messages_and_codes_are_all_on_the_page() {
    let tags: Vec<String> = table("tags").into_iter().map(|row| row[0].clone()).collect();
    let expected: Vec<String> = Tag::ALL
        .iter()
        .map(|tag| {
            let text = std::str::from_utf8(tag.bytes()).unwrap();
            text.trim_start_matches("crosstie/").trim_end_matches("/v1\0").to_owned()
        })
        .collect();
    assert_eq!(tags, expected);
    let pairs = |name: &str| -> Vec<(String, String)> {
        table(name).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect()
    };
    let operations: Vec<_> =
        Operation::CODES.iter().map(|(code, name)| (format!("{code:#06x}"), (*name).to_owned())).collect();
    assert_eq!(pairs("operations"), operations);
    let messages: Vec<_> =
        MessageContent::CODES.iter().map(|(code, name)| (code.to_string(), (*name).to_owned())).collect();
    assert_eq!(pairs("messages"), messages);
    let codes: Vec<_> = Code::ALL.iter().map(|(code, label, _)| (code.0.to_string(), (*label).to_owned())).collect();
    assert_eq!(pairs("codes"), codes);
}
