use planted::Plant;
use simulator::Seed;
use simulator::self_test::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a[1] == "file" {
        let text = std::fs::read_to_string(&a[2]).unwrap();
        let scenario = simulator::scenario::Scenario::parse(&text).unwrap();
        let _guard = Plant::named(&a[3]).map(planted::plant);
        let start = std::time::Instant::now();
        for s in a[4].parse::<u64>().unwrap()..=a[5].parse::<u64>().unwrap() {
            let t = simulator::trial::run("file", &scenario, &[], Seed(s), None);
            if let Some(f) = &t.failure {
                println!(
                    "seed {s} {} ev {:.1}s {} {:?}",
                    t.events,
                    start.elapsed().as_secs_f64(),
                    f.property,
                    f.contradiction
                );
                return;
            }
        }
        println!("nothing in {:.1}s", start.elapsed().as_secs_f64());
        return;
    }
    if a[1] == "clean" {
        for (name, _) in GROUNDS {
            if a.len() > 4 && a[4] != *name {
                continue;
            }
            for s in a[2].parse::<u64>().unwrap()..=a[3].parse::<u64>().unwrap() {
                let t = std::time::Instant::now();
                let b = try_one(name, Seed(s));
                println!("{name} {s} {:?} {:.1}s", b, t.elapsed().as_secs_f64());
            }
        }
        return;
    }
    let secs: u64 = a[2].parse().unwrap();
    for p in Plant::ALL {
        if a[1] != "all" && !a[1].split(',').any(|n| n == p.name()) {
            continue;
        }
        let h = hunt(*p, a.get(3).map_or(1, |s| s.parse().unwrap()), std::time::Duration::from_secs(secs));
        match h.found {
            Some(b) => println!(
                "FOUND {} | {} | {} seed {} | {:?} ev | {} trials {:.1}s\n   {}\n   {}",
                p.name(),
                b.property,
                b.scenario,
                b.seed,
                b.events,
                h.trials,
                h.cpu.as_secs_f64(),
                b.facts.0,
                b.facts.1
            ),
            None => println!("MISSED {} {} trials {:.1}s", p.name(), h.trials, h.cpu.as_secs_f64()),
        }
    }
}
