#![allow(clippy::unwrap_used)]
use devstack::*;
#[tokio::test]
async fn real() {
    let stack = Stack::start(Options::ephemeral().unwrap().own_servers()).await.unwrap();
    let mut o = HubOptions::new(&stack.database_url, &stack.nats_url).unwrap();
    if let Some(b) = std::env::var_os("HUB_BIN") { o.bin_dir = b.into(); }
    let t = std::time::Instant::now();
    let mut hub = Hub::start(stack.state(), &o).await.unwrap();
    eprintln!("started in {:?} {:?}", t.elapsed(), hub.addresses);
    let names: Vec<String> = hub.names().map(str::to_owned).collect();
    for n in &names { let p = hub.process(n).unwrap(); p.kill9().await.unwrap(); p.restart().await.unwrap(); eprintln!("{n} killed and restarted {:?}", t.elapsed()); }
    let t = std::time::Instant::now();
    hub.stop().await.unwrap();
    eprintln!("stopped in {:?}", t.elapsed());
    for n in &names { let p = stack.state().logs_dir().join(format!("{n}.log")); let s = std::fs::read_to_string(p).unwrap(); eprintln!("== {n} {} lines\n{}", s.lines().count(), s.lines().take(3).collect::<Vec<_>>().join("\n")); }
    stack.stop().await.unwrap();
}
