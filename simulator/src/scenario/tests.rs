#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::random::Seed;

#[test]
fn the_length_is_all_a_scenario_needs() {
    let scenario = Scenario::parse("length_ms = 1000").unwrap();
    assert_eq!(scenario.network, NetworkSection::default());
    assert_eq!(scenario.workload, Workload::default());
    assert!(scenario.faults.is_empty());
}

#[test]
fn mistakes_are_named_with_their_place() {
    let wrong = [
        ("", "length_ms"),
        ("length_ms = 0", "length_ms: 0 is not between"),
        ("length_ms = 1000\nlenght_ms = 2", "unknown field `lenght_ms`"),
        ("length_ms = 1000\n[network]\nvalidators = 0", "network.validators: 0 is not between 1 and 16"),
        ("length_ms = 1000\n[network]\nloss_per_mille = 501", "network.loss_per_mille"),
        ("length_ms = 1000\n[network]\nkib_per_s = 0", "network.kib_per_s: 0 is not between 1 and 1048576"),
        ("length_ms = 1000\n[workload]\nlegs = 3", "workload.legs"),
        ("length_ms = 1000\n[workload]\nkind = \"csv\"", "workload.columns"),
        ("length_ms = 1000\n[[fault]]\nkind = \"flood\"\nfor_ms = 1", "unknown variant `flood`"),
        ("length_ms = 1000\n[[fault]]\nkind = \"crash\"\nfor_ms = 0", "fault 1.for_ms"),
        (
            "length_ms = 1000\n[[fault]]\nkind = \"crash\"\nfor_ms = 1\ntarget = { subchain = \"chain-7\" }",
            "chain-7 is none of the 2 subchains",
        ),
    ];
    for (text, expected) in wrong {
        let error = Scenario::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?} says {error:?}, not {expected:?}");
    }
}

#[test]
fn a_schedule_is_its_seed_and_can_be_cut_down() {
    let text = "length_ms = 60000\n[[fault]]\nkind = \"crash\"\nevery_ms = 1000\nchance_per_mille = 500\nfor_ms = 300\n\
                [[fault]]\nkind = \"wipe\"\nat_ms = 5000\nfor_ms = 300\ntarget = \"leader\"";
    let scenario = Scenario::parse(text).unwrap();
    let schedule = |seed| Schedule::new(&scenario.faults, scenario.length_ms, Seed(seed));
    assert_eq!(schedule(1), schedule(1));
    assert_ne!(schedule(1), schedule(2));
    let strikes = schedule(1).strikes().to_vec();
    assert!((15..45).contains(&strikes.len()), "{}", strikes.len());
    assert!(strikes.is_sorted_by_key(|strike| strike.at_ms));
    assert_eq!(strikes.iter().filter(|strike| strike.kind == FaultKind::Wipe).count(), 1);
    let few = schedule(1).only(&[3, 5]);
    assert_eq!(few.strikes(), [strikes[3].clone(), strikes[5].clone()]);
}

#[test]
fn rows_name_their_parties_and_the_line_of_a_mistake() {
    let text = "length_ms = 1000\n[workload]\nkind = \"csv\"\nfile = \"x.csv\"\ncolumns = [\"from\", \"to\", \"what\"]\n\
                skip = [\"time\", \"NA\"]";
    let workload = Scenario::parse(text).unwrap().workload;
    let rows = workload.rows("what,from,to,time\n1,A,B,5\n2,B,C,NA\n3,C,A,6\n").unwrap();
    assert_eq!(Workload::parties(&rows), ["A", "B", "C"]);
    let arrivals = workload.arrivals(&rows, 3, 1_000, Seed(1));
    let parties: Vec<_> = arrivals.iter().map(|arrival| arrival.parties.clone()).collect();
    assert_eq!(parties, [vec![0, 1], vec![2, 0]]);
    let error = workload.rows("what,from,to,time\n1,A,A,5\n").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    let error = workload.rows("what,from,time\n").unwrap_err().to_string();
    assert!(error.contains("there is no column to"), "{error}");
}

#[test]
fn work_is_its_seed_and_keeps_to_its_rate() {
    let text =
        "length_ms = 10000\n[network]\nsubchains = 5\n[workload]\nproposals_per_s = 7\nlocal_per_s = 2\nlegs = 3";
    let scenario = Scenario::parse(text).unwrap();
    let arrivals = |seed| scenario.workload.arrivals(&[], 5, scenario.length_ms, Seed(seed));
    assert_eq!(arrivals(1), arrivals(1));
    assert_ne!(arrivals(1), arrivals(2));
    let (local, proposals): (Vec<_>, Vec<_>) = arrivals(1).into_iter().partition(|arrival| arrival.is_local);
    assert_eq!((local.len(), proposals.len()), (100, 70));
    for proposal in proposals {
        let different: std::collections::BTreeSet<_> = proposal.parties.iter().collect();
        assert_eq!(different.len(), 3);
    }
}

#[test]
fn a_restoration_names_a_whole_chain_and_an_age_and_no_other_fault_does() {
    let fault = |kind: &str, rest: &str| {
        let text = format!("length_ms = 1000\n[[fault]]\nkind = \"{kind}\"\nfor_ms = 5\n{rest}");
        Scenario::parse(&text).map(|scenario| scenario.faults[0].backup_age_ms)
    };
    assert_eq!(fault("restore-backup", "target = \"whole-relay\"\nbackup_age_ms = 7").unwrap(), Some(7));
    let cases = [
        ("restore-backup", "backup_age_ms = 7", "fault 1.target: a whole chain is restored"),
        ("restore-backup", "target = \"whole-relay\"", "fault 1.backup_age_ms: needed"),
        ("restore-backup", "target = \"any-whole-subchain\"\nbackup_age_ms = 0", "fault 1.backup_age_ms: needed"),
        ("crash", "healed_after_ms = 7", "fault 1.healed_after_ms: only a restore-backup has it"),
    ];
    for (kind, rest, words) in cases {
        let error = fault(kind, rest).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

/// The error of a scenario with these actors.
fn actor_error(actors: &str) -> String {
    let text = format!("length_ms = 1000\n[network]\nsubchains = 2\n{actors}");
    Scenario::parse(&text).unwrap_err().to_string()
}

#[test]
fn a_wrong_actor_is_told_what_to_write() {
    let actor = |kind: &str, rest: &str| actor_error(&format!("[[actor]]\nkind = \"{kind}\"\n{rest}"));
    let cases = [
        (actor("liar", "chain = \"relay\""), "equivocating-proposer"),
        (actor("withholder", ""), "actor 1.chain: say whose validator misbehaves: relay or one of chain-0"),
        (actor("withholder", "chain = \"chain-7\""), "there is no chain chain-7; write relay or"),
        (actor("withholder", "chain = \"relay\"\nvalidator = 4"), "write a number from 0 to 3"),
        (actor("withholder", "chain = \"relay\"\nways = [\"nothing\"]"), "write votes, proposals, everything"),
        (actor("amnesiac", "chain = \"relay\"\nways = [\"x\"]"), "leave the key out"),
        (actor("replayer", "chain = \"relay\"\nfrom_ms = 9\nuntil_ms = 9"), "write a time after from_ms, which is 9"),
        (actor("replayer", "chain = \"relay\"\nchance_per_mille = 1001"), "at most 1000"),
        (actor("bad-subchain", "chain = \"relay\""), "belongs to a subchain"),
        (actor("bad-subchain", "chain = \"chain-0\"\nfraction = \"f\""), "write \"f+1\" or \"all\""),
        (actor("double-voter", "chain = \"relay\"\nfraction = \"f+1\""), "it tolerates 1"),
        (actor("double-voter", "chain = \"relay\"\nhow = 1"), "unknown field `how`"),
    ];
    for (error, words) in cases {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn actors_count_once_for_each_validator_and_couriers_not_at_all() {
    let text = r#"
        length_ms = 1000
        [[actor]]
        kind = "double-voter"
        chain = "relay"
        [[actor]]
        kind = "amnesiac"
        chain = "relay"
        [[actor]]
        kind = "bad-subchain"
        chain = "chain-0"
        fraction = "f+1"
        validator = 3
        [[actor]]
        kind = "dishonest-courier"
        chain = "chain-1"
        fraction = "all"
    "#;
    let scenario = Scenario::parse(text).unwrap();
    let bad = |chain| bad_seats(&scenario.actors, chain, 4);
    assert_eq!([bad("relay"), bad("chain-0"), bad("chain-1")], [1, 2, 0]);
    assert_eq!(scenario.actors[2].seats(4), [3, 0]);
    assert_eq!([1, 3, 4, 6, 7, 10].map(tolerated), [0, 0, 1, 1, 2, 3]);
}

#[test]
fn what_people_do_late_they_do_while_the_trial_waits() {
    let restore = "settle_ms = 5000\n[[fault]]\nkind = \"restore-backup\"\nfor_ms = 5\ntarget = \"whole-relay\"\n\
                   backup_age_ms = 7";
    let fork = "settle_ms = 5000\n[[actor]]\nkind = \"bad-subchain\"\nchain = \"chain-0\"";
    let cases = [
        (format!("{restore}\nhealed_after_ms = 4999"), ""),
        // The default is as long as that trial waits.
        (restore.to_owned(), "fault 1.healed_after_ms: 5000 ms are not below settle_ms, which is 5000"),
        (format!("{restore}\nhealed_after_ms = 9000"), "fault 1.healed_after_ms: 9000 ms"),
        (format!("{fork}\nreported_after_ms = 4999"), ""),
        (format!("{fork}\nreported_after_ms = 5000"), "actor 1.reported_after_ms: 5000 ms are not below settle_ms"),
    ];
    for (text, words) in cases {
        let outcome = Scenario::parse(&format!("length_ms = 1000\n{text}"));
        let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(if words.is_empty() { error.is_empty() } else { error.contains(words) }, "{text}: {error}");
    }
}
