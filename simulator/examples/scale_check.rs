//! scratch
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
use cpu_time::ThreadTime;
use simulator::scale::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let profile = Profile::parse(&std::fs::read_to_string(&args[1]).unwrap()).unwrap();
    let t = ThreadTime::now();
    let timing = calibrate(&profile, 2).map_err(|e| e.to_string()).unwrap();
    println!("{timing:?} cpu {:?}", t.elapsed());
    for spec in &args[2..] {
        let f: Vec<f64> = spec.split(':').map(|x| x.parse().unwrap()).collect();
        let mut plan = Plan::new(f[0] as usize, f[1] as u32, timing.clone());
        plan.window = f[2] as u64;
        plan.relay_slowness = f[3];
        plan.subchain_slowness = f[4];
        plan.warm_up_ms = f[5] as u64;
        plan.measured_ms = f[6] as u64;
        plan.unordered = f[7] as usize;
        let t = ThreadTime::now();
        println!("{spec}\n  model {:?} cpu {:?}", run(&profile, &plan), t.elapsed());
        let t = ThreadTime::now();
        println!("  bound {:?} cpu {:?}", bound(&profile, &plan, &run(&profile, &plan)), t.elapsed());
        if f[8] == 0.0 { continue; }
        let t = ThreadTime::now();
        println!("  world {:?} cpu {:?}", measure(&profile, &plan).map_err(|e| e.to_string()), t.elapsed());
    }
}
