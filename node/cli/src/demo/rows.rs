//! Departures from a CSV file, streamed: the file may be of any length.

use crate::exit::{Failure, Outcome};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One flight that departed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Departure {
    /// `2013-01-01`.
    pub(super) date: String,
    /// Hour of departure, 0…23.
    pub(super) hour: u8,
    /// Minute of departure, 0…59.
    pub(super) minute: u8,
    /// Carrier code.
    pub(super) carrier: String,
    /// Flight number.
    pub(super) flight: u32,
    /// Airport of origin.
    pub(super) origin: String,
    /// Destination.
    pub(super) destination: String,
    /// Tail number; empty where unknown.
    pub(super) tail: String,
}

impl Departure {
    /// The key of the carrier's record.
    pub(super) fn flight_key(&self) -> String {
        format!("{}/{}/{}/{}", self.date, self.carrier, self.flight, self.origin)
    }

    /// The key of the airport's counter of this hour.
    pub(super) fn hour_key(&self) -> String {
        hour_key(&self.date, self.hour)
    }

    /// The key of the airport's slot record.
    pub(super) fn slot_key(&self) -> String {
        format!("{}/{}/{}", self.hour_key(), self.carrier, self.flight)
    }
}

/// The key of the counter of an hour.
pub(super) fn hour_key(date: &str, hour: u8) -> String {
    format!("{date}/{hour:02}")
}

/// The columns that are read.
const COLUMNS: [&str; 9] = ["year", "month", "day", "dep_time", "carrier", "flight", "tailnum", "origin", "dest"];

/// Reads departures one by one. Rows whose `dep_time` is `NA` did not depart and are passed over.
pub(super) struct Departures {
    file: PathBuf,
    reader: csv::Reader<std::fs::File>,
    columns: [usize; COLUMNS.len()],
    record: csv::StringRecord,
    left: usize,
    /// Rows passed over.
    pub(super) cancelled: u64,
}

impl Departures {
    /// Opens a file and checks its header line.
    pub(super) fn open(file: &Path, limit: Option<usize>) -> Outcome<Self> {
        let mut reader = csv::ReaderBuilder::new().from_path(file).map_err(|error| {
            Failure::input(file, format!("cannot be read: {error}")).next("give --data the path of a CSV file")
        })?;
        let header = reader.headers().map_err(|error| Failure::input_line(file, 1, error))?.clone();
        let mut columns = [0; COLUMNS.len()];
        for (place, name) in columns.iter_mut().zip(COLUMNS) {
            *place = header.iter().position(|column| column == name).ok_or_else(|| {
                Failure::input_line(file, 1, format!("the column {name:?} is missing"))
                    .next(format!("the first line must name the columns {}", COLUMNS.join(", ")))
            })?;
        }
        let record = csv::StringRecord::new();
        let left = limit.unwrap_or(usize::MAX);
        Ok(Self { file: file.to_path_buf(), reader, columns, record, left, cancelled: 0 })
    }

    fn bad(&self, what: impl std::fmt::Display) -> Failure {
        let line = self.record.position().map_or(0, csv::Position::line);
        Failure::input_line(&self.file, line, what).next("mend or remove this line, then run the command again")
    }

    fn text(&self, column: usize) -> &str {
        self.columns.get(column).and_then(|index| self.record.get(*index)).unwrap_or("").trim()
    }

    fn number(&self, column: usize, least: u32, most: u32) -> Outcome<u32> {
        let (name, text) = (COLUMNS.get(column).copied().unwrap_or(""), self.text(column));
        match text.parse::<u32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(self.bad(format!("{name} is {text:?}; a number from {least} to {most} is needed"))),
        }
    }

    fn code(&self, column: usize) -> Outcome<String> {
        let (name, text) = (COLUMNS.get(column).copied().unwrap_or(""), self.text(column));
        let fits = !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits {
            Ok(text.to_owned())
        } else {
            Err(self.bad(format!("{name} is {text:?}; 1 to 8 letters or digits are needed")))
        }
    }

    /// The next departure; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Outcome<Option<Departure>> {
        loop {
            if self.left == 0 {
                return Ok(None);
            }
            let more = self.reader.read_record(&mut self.record).map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                Failure::input_line(&self.file, line, format!("is not CSV: {error}"))
                    .next("mend or remove this line, then run the command again")
            })?;
            if !more {
                return Ok(None);
            }
            self.left -= 1;
            if self.text(3) == "NA" {
                self.cancelled += 1;
                continue;
            }
            let (year, month, day) = (self.number(0, 1, 9_999)?, self.number(1, 1, 12)?, self.number(2, 1, 31)?);
            let time = self.number(3, 0, 2_400)?;
            let (hour, minute) = (time / 100, time % 100);
            if minute > 59 {
                return Err(self.bad(format!("dep_time is {time}; its last two digits are minutes, 00 to 59")));
            }
            let tail = self.text(6);
            return Ok(Some(Departure {
                date: format!("{year:04}-{month:02}-{day:02}"),
                // 2400 counts as hour 0 of that date.
                hour: u8::try_from(hour % 24).unwrap_or(0),
                minute: u8::try_from(minute).unwrap_or(0),
                carrier: self.code(4)?,
                flight: self.number(5, 0, 99_999)?,
                origin: self.code(7)?,
                destination: self.code(8)?,
                tail: if tail == "NA" { String::new() } else { tail.chars().take(16).collect() },
            }));
        }
    }
}

/// What a file needs before its first proposal: found by reading it once.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Flights that departed.
    pub(super) departures: u64,
    /// Flights that did not.
    pub(super) cancelled: u64,
    /// Carrier codes.
    pub(super) carriers: BTreeSet<String>,
    /// Airports of origin, each with the hours in which something departs.
    pub(super) hours: BTreeSet<(String, String, u8)>,
}

impl Survey {
    /// Reads the whole file once; every line is checked before anything starts.
    pub(super) fn of(file: &Path, limit: Option<usize>) -> Outcome<Self> {
        let mut survey = Self::default();
        let mut rows = Departures::open(file, limit)?;
        while let Some(row) = rows.next()? {
            survey.departures += 1;
            survey.carriers.insert(row.carrier);
            survey.hours.insert((row.origin, row.date, row.hour));
        }
        survey.cancelled = rows.cancelled;
        if survey.departures == 0 {
            return Err(
                Failure::input(file, "holds no departure").next("every row's dep_time is NA, or there are none")
            );
        }
        Ok(survey)
    }

    /// Airports of origin.
    pub(super) fn airports(&self) -> BTreeSet<String> {
        self.hours.iter().map(|(airport, _, _)| airport.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flights.csv");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    const HEAD: &str = "year,month,day,dep_time,carrier,flight,tailnum,origin,dest\n";

    #[test]
    fn midnight_as_2400_is_hour_0_and_na_does_not_depart() {
        let rows =
            format!("{HEAD}2013,1,1,2400,UA,1,N1,EWR,IAH\n2013,1,1,NA,UA,2,NA,EWR,IAH\n2013,1,1,517,9E,3,NA,LGA,ORD\n");
        let (_directory, path) = file(&rows);
        let survey = Survey::of(&path, None).unwrap();
        assert_eq!((survey.departures, survey.cancelled), (2, 1));
        assert!(survey.hours.contains(&("EWR".into(), "2013-01-01".into(), 0)));
        assert!(survey.hours.contains(&("LGA".into(), "2013-01-01".into(), 5)));
    }

    #[test]
    fn a_bad_row_is_named_by_file_and_line() {
        let (_directory, path) = file(&format!("{HEAD}2013,1,1,517,UA,1,N1,EWR,IAH\n2013,1,1,561,UA,2,N1,EWR,IAH\n"));
        let failure = Survey::of(&path, None).unwrap_err().to_string();
        assert!(failure.contains("flights.csv") && failure.contains('3') && failure.contains("dep_time"), "{failure}");
    }

    #[test]
    fn a_missing_column_is_named() {
        let (_directory, path) = file("year,month,day\n2013,1,1\n");
        let failure = Survey::of(&path, None).unwrap_err().to_string();
        assert!(failure.contains("dep_time"), "{failure}");
    }
}
