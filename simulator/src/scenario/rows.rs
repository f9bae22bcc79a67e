//! Rows of a CSV workload: each is a proposal between the two parties that it names, and the parties are the subchains.
//!
//! Bounds: 100,000 rows, [`MAX_SUBCHAINS`] parties, names that a chain can have, references that fit into a key.
//! Errors: [`ScenarioError`] with the line.

use super::{MAX_SUBCHAINS, RELAY, ScenarioError, Workload};
use ledger_protocol::codec::Text;
use std::collections::BTreeSet;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub(super) first: String,
    pub(super) second: String,
    pub(super) reference: String,
}

/// Most rows.
const MAX_ROWS: usize = 100_000;
/// Longest name of a chain.
const MAX_PARTY_BYTES: usize = 64;
/// Longest reference: with the number of its line before it, it is a key of at most 256 bytes.
const MAX_REFERENCE_BYTES: usize = 240;

impl Workload {
    /// Reads the rows of a CSV workload.
    ///
    /// # Errors
    /// [`ScenarioError`] with the line.
    pub fn rows(&self, text: &str) -> Result<Vec<Row>, ScenarioError> {
        let wrong = |problem: String| ScenarioError::value("workload.file", problem);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
        let place = |column: &String| {
            let place = headers.iter().position(|header| header == column);
            place.ok_or_else(|| wrong(format!("there is no column {column}; there are {headers:?}")))
        };
        let columns = self.columns.iter().map(place).collect::<Result<Vec<usize>, _>>()?;
        let skip = match self.skip.as_slice() {
            [column, text] => Some((place(column)?, text)),
            _ => None,
        };
        let mut rows = Vec::new();
        let mut parties = BTreeSet::new();
        for (line, record) in (2usize..).zip(reader.records()) {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            let field = |place: usize| record.get(place).unwrap_or_default().to_owned();
            if skip.is_some_and(|(place, text)| record.get(place) == Some(text)) {
                continue;
            }
            if rows.len() == MAX_ROWS {
                return Err(wrong(format!("line {line}: more than {MAX_ROWS} rows make proposals; take fewer")));
            }
            let [first, second, reference] = [0, 1, 2].map(|at| columns.get(at).map_or(String::new(), |at| field(*at)));
            let row = Row { first, second, reference };
            row.check().map_err(|problem| wrong(format!("line {line}: {problem}")))?;
            parties.extend([row.first.clone(), row.second.clone()]);
            if parties.len() > MAX_SUBCHAINS {
                let problem = "it names one party more than there can be subchains";
                return Err(wrong(format!("line {line}: {problem}, {MAX_SUBCHAINS}; take fewer rows")));
            }
            rows.push(Row { reference: format!("{line}/{}", row.reference), ..row });
        }
        if rows.is_empty() {
            return Err(wrong("no row makes a proposal; look at the column that `skip` names".to_owned()));
        }
        Ok(rows)
    }

    /// The parties of these rows, sorted.
    pub fn parties(rows: &[Row]) -> Vec<String> {
        let parties: BTreeSet<&String> = rows.iter().flat_map(|row| [&row.first, &row.second]).collect();
        parties.into_iter().cloned().collect()
    }
}

impl Row {
    fn check(&self) -> Result<(), String> {
        if self.first == self.second || self.first.is_empty() || self.second.is_empty() {
            return Err("a row needs two different parties".to_owned());
        }
        for party in [&self.first, &self.second] {
            if party == RELAY {
                return Err(format!("no party can be called {RELAY}; give it another name"));
            }
            if let Err(error) = Text::<MAX_PARTY_BYTES>::new(party.as_str()) {
                return Err(format!("the party {party:?} cannot be a chain's name ({error}); give it another one"));
            }
        }
        if self.reference.len() > MAX_REFERENCE_BYTES {
            let got = self.reference.len();
            return Err(format!("the reference has {got} bytes; take a column of at most {MAX_REFERENCE_BYTES}"));
        }
        Ok(())
    }
}
