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
            "fault 1.target: there is no chain chain-7; write one of chain-0, chain-1",
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

#[test]
fn what_would_test_nothing_is_refused() {
    let fault = |rest: &str| format!("length_ms = 1000\n[[fault]]\nkind = \"crash\"\nfor_ms = 5\n{rest}");
    let actor = |rest: &str| format!("length_ms = 1000\n[[actor]]\nchain = \"chain-0\"\n{rest}");
    let work = |rest: &str| format!("length_ms = 1000\n[workload]\n{rest}");
    let wrong = [
        (fault("target = { subchain = \"chian-0\" }"), "there is no chain chian-0; write one of chain-0, chain-1"),
        (fault("target = { whole-subchain = \"relay\" }"), "there is no chain relay; write one of chain-0, chain-1"),
        (fault("at_ms = 1000"), "fault 1.at_ms: 1000 is not before the end: write a time below length_ms, 1000"),
        (
            fault("target = \"any-whole-subchain\"\n[network]\nsubchains = 0\n[workload]\nproposals_per_s = 0"),
            "fault 1.target: there are no subchains",
        ),
        (
            "length_ms = 1000\n[[fault]]\nkind = \"courier-outage\"\nfor_ms = 5\ntarget = \"relay\"".into(),
            "fault 1.target: every courier is dead",
        ),
        (
            "length_ms = 1000\n[[fault]]\nkind = \"one-way-partition\"\nfor_ms = 5\ntarget = \"everybody\"".into(),
            "fault 1.target: everybody is cut off from nobody",
        ),
        (
            actor("kind = \"key-thief\"\n[[handoff]]\nat_ms = 5\nchain = \"chain-1\""),
            "actor 1.chain: chain-0 gives up no keys that could be stolen: write a [[handoff]] of it",
        ),
        (
            actor(
                "kind = \"key-thief\"\n[[fault]]\nkind = \"restore-backup\"\nfor_ms = 5\nbackup_age_ms = 7\ntarget = \"whole-relay\"",
            ),
            "actor 1.chain: chain-0 gives up no keys",
        ),
        (
            "length_ms = 9\n[[actor]]\nkind = \"key-thief\"\nchain = \"chain_0\"".into(),
            "actor 1.chain: there is no chain chain_0",
        ),
        ("length_ms = 9\n[[handoff]]\nat_ms = 9\nchain = \"relay\"".into(), "handoff 1.at_ms: 9 is not before"),
        ("length_ms = 9\n[[handoff]]\nat_ms = 1\nchain = \"chain_0\"".into(), "handoff 1.chain: there is no chain"),
        (actor("kind = \"replayer\"\nfrom_ms = 1000"), "actor 1.from_ms: 1000 is not before"),
        (actor("kind = \"replayer\"\nreported_after_ms = 1"), "actor 1.reported_after_ms: only a bad subchain"),
        (actor("kind = \"lock-grabber\"\nfraction = \"all\""), "actor 1.fraction: a lock-grabber is a client"),
        (
            actor("kind = \"withholder\"\nfraction = \"f\"\n[network]\nvalidators = 3"),
            "actor 1.fraction: a chain of 3 validators tolerates nobody; write \"one\"",
        ),
        (
            actor("kind = \"bad-subchain\"\nfraction = \"f+1\"\nways = [\"contradict\"]"),
            "actor 1.ways: with \"f+1\" a bad subchain splits",
        ),
        (actor("kind = \"bad-subchain\"\nways = [\"contradict\"]\nuntil_ms = 9"), "actor 1.until_ms: a chain that"),
        (
            actor("kind = \"bad-subchain\"\nways = [\"never-apply\"]\nchance_per_mille = 9"),
            "actor 1.chance_per_mille: a chain that begins to lie",
        ),
        (work("opening_balance = -1"), "workload.opening_balance: between 0 and"),
        (work("opening_balance = 1000000001"), "workload.opening_balance: between 0 and"),
        (work("valid_blocks = 0"), "workload.valid_blocks: between 1 and"),
        (work("read_per_mille = 1"), "workload.read_per_mille: the leg that reads is on a subchain of its own"),
        (work("cancel_per_mille = 1001"), "workload.cancel_per_mille: at most 1000"),
        (work("proposals_per_s = 0\nhot_per_mille = 1"), "workload.hot_per_mille: there are no proposals"),
        (work("local_hot_per_mille = 1"), "workload.local_hot_per_mille: there are no local transactions"),
        (work("file = \"x.csv\""), "workload.file: only a workload of kind csv has it"),
        (work("local_kind = \"transfers\"\nlocal_hot_per_mille = 5"), "workload.local_hot_per_mille: local transfers"),
    ];
    for (text, expected) in wrong {
        let error = Scenario::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?} says {error:?}, not {expected:?}");
    }
}

#[test]
fn expectations_and_properties_that_do_not_exist_are_told_what_there_is() {
    let expect = |rest: &str| format!("length_ms = 1000\n[expect]\n{rest}");
    let wrong = [
        (expect("committed = \"some\""), "expect.committed: \"some\" is no number; write \"all\" or"),
        (expect("committed = true"), "write \"all\" or the least number"),
        (expect("committed = 0"), "expect.committed: 0 is always reached"),
        (expect("rejected_at_least = 0"), "expect.rejected_at_least: 0 is always reached"),
        (expect("frozen = [\"chain-9\"]"), "expect.frozen: there is no chain chain-9; write one of chain-0, chain-1"),
        (expect("reaches = [\"tombstone\"]"), "is no step; write \"TABLE: FROM -> TO\""),
        (expect("reaches = [\"legs: none -> locked\"]"), "there is no table \"legs\"; there are [\"proposal\","),
        (
            expect("reaches = [\"proposal: none -> locked\"]"),
            "a proposal is never \"locked\"; its states are [\"none\",",
        ),
        (expect("reaches = [\"proposal: none -> any\"]"), "a proposal is never \"any\""),
        (expect("misdeeds = [\"amnesia\"]"), "no actor does \"amnesia\"; they do"),
        (expect("commited = 1"), "unknown field `commited`"),
        ("length_ms = 1\nproperties = []".into(), "properties: name at least one"),
        ("length_ms = 1\nproperties = [\"A7\"]".into(), "there is no property \"A7\"; there are [\"agreement\","),
    ];
    for (text, expected) in wrong {
        let error = Scenario::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?} says {error:?}, not {expected:?}");
    }
    let text = expect("committed = \"all\"\nreaches = [\"leg on its subchain: any -> disputed\"]");
    assert!(Scenario::parse(&text).is_ok());
}

/// A scenario whose chains are the parties of a file of rows.
fn csv_scenario(rest: &str) -> Result<Scenario, ScenarioError> {
    let text = "length_ms = 1000\n[network]\nsubchains = 0\n[workload]\nkind = \"csv\"\nfile = \"x.csv\"\n\
                columns = [\"from\", \"to\", \"what\"]\n";
    Scenario::parse(&format!("{text}{rest}"))
}

#[test]
fn names_of_a_csv_workload_are_checked_when_its_rows_are_read() {
    let error = |rest: &str| {
        let scenario = csv_scenario(rest).unwrap();
        scenario.rows("what,from,to\n1,AA,LGA\n").map(|_| ()).unwrap_err().to_string()
    };
    let fault = error("[[fault]]\nkind = \"crash\"\nfor_ms = 5\ntarget = { subchain = \"AB\" }");
    assert!(fault.contains("fault 1.target: there is no chain AB; write one of AA, LGA"), "{fault}");
    let handoff = error("[[handoff]]\nat_ms = 5\nchain = \"chain-0\"");
    assert!(handoff.contains("handoff 1.chain: there is no chain chain-0; write one of relay, AA, LGA"), "{handoff}");
    let actor = error("[[actor]]\nkind = \"replayer\"\nchain = \"JFK\"");
    assert!(actor.contains("actor 1.chain: there is no chain JFK"), "{actor}");
    let fine = csv_scenario("[[handoff]]\nat_ms = 5\nchain = \"AA\"").unwrap();
    assert_eq!(fine.rows("what,from,to\n1,AA,LGA\n").unwrap().len(), 1);
    let error = csv_scenario("hot_per_mille = 5").unwrap_err().to_string();
    assert!(error.contains("workload.hot_per_mille: a row of a CSV file says"), "{error}");
}

#[test]
fn rows_that_no_chain_can_be_made_of_are_named_by_their_line() {
    let workload = csv_scenario("").unwrap().workload;
    let long = "x".repeat(65);
    let many: String = (0..300).map(|number| format!("1,p{number},q{number}\n")).collect();
    let wrong = [
        (format!("1,A,B\n2,{long},B\n"), "line 3: the party \"xxx"),
        ("1,A\u{7},B\n".into(), "line 2: the party \"A\\u{7}\" cannot be a chain's name"),
        ("1,A,relay\n".into(), "line 2: no party can be called relay"),
        (format!("{},A,B\n", "9".repeat(241)), "line 2: the reference has 241 bytes"),
        (many, "line 130: it names one party more than there can be subchains, 256"),
        (String::new(), "no row makes a proposal"),
    ];
    for (rows, expected) in wrong {
        let error = workload.rows(&format!("what,from,to\n{rows}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
    assert!(workload.rows(&format!("what,from,to\n{},{},B\n", "9".repeat(240), "x".repeat(64))).is_ok());
}

#[test]
fn proposals_read_share_and_are_taken_back_as_often_as_the_scenario_says() {
    let text = "length_ms = 100000\n[network]\nsubchains = 4\n[workload]\nproposals_per_s = 10\n";
    let keys = "read_per_mille = 300\nprefix_per_mille = 100\nshared_per_mille = 200\ncancel_per_mille = 100\n";
    let arrivals = |keys: &str| {
        let scenario = Scenario::parse(&format!("{text}{keys}")).unwrap();
        scenario.workload.arrivals(&[], 4, scenario.length_ms, Seed(1))
    };
    let all = arrivals(keys);
    let count = |is: fn(&Arrival) -> bool| all.iter().filter(|arrival| is(arrival)).count();
    assert!((320..430).contains(&count(|arrival| arrival.reader.is_some())));
    assert!((60..150).contains(&count(|arrival| arrival.scans && arrival.reader.is_some())));
    assert!((150..250).contains(&count(|arrival| arrival.shares)));
    assert!((60..150).contains(&count(|arrival| arrival.cancelled_after_ms.is_some_and(|after_ms| after_ms <= 1_500))));
    assert!(all.iter().all(|arrival| arrival.reader.is_none_or(|reader| !arrival.parties.contains(&reader))));
    // The keys leave alone what else arrives.
    let plain = |arrival: &Arrival| (arrival.at_ms, arrival.parties.clone(), arrival.reference.clone(), arrival.amount);
    assert!(all.iter().map(plain).eq(arrivals("").iter().map(plain)));
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
        (actor("withholder", "chain = \"chain-7\""), "there is no chain chain-7; write one of relay, chain-0, chain-1"),
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
