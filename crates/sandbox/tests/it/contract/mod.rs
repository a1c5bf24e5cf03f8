//! The sandbox held against the files that the providers publish, in both directions: what they describe is taken and answered as they
//! describe, each single fault is refused, and what it posts looks like what they post.

mod callbacks;
mod networks;
mod requests;

use contracts::{Answer, Call, Operation, Verdict, broken, judge};
use reqwest::Method;

use crate::support::Running;

/// Asks the sandbox.
async fn ask(running: &Running, call: &Call) -> Answer {
    let url = format!("{}{}", running.sandbox.url(), call.target);
    let mut request = running.client.request(Method::from_bytes(call.method.as_bytes()).unwrap(), url);
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let response = request.body(call.body.clone()).send().await.unwrap();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let (status, headers) = (response.status().as_u16(), headers.collect());
    Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

/// Takes a good request, answers it as described, and refuses everything that the description forbids; gives the good one's answer.
async fn holds(running: &Running, provider: &'static str, good: &Call) -> Answer {
    let Verdict::Described { file, path, faults } = judge(provider, good) else { panic!("{provider} describes no {}", good.target) };
    assert!(faults.is_empty(), "{provider} {path}: {faults:?}");
    let answer = ask(running, good).await;
    assert!((200..400).contains(&answer.status), "{provider} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    contracts::assert_answer(provider, good, &answer);
    let operation = Operation::matching(file, &good.method, &good.target).into_iter().find(|operation| operation.template == path).unwrap();
    let faulty = broken(&operation, good);
    assert!(!faulty.is_empty(), "{provider} {path}: nothing can be wrong with it");
    for case in faulty {
        let answer = ask(running, &case.call).await;
        assert!((400..500).contains(&answer.status), "{provider} {path}: {} is answered {}", case.what, answer.status);
        contracts::assert_answer(provider, good, &answer);
    }
    answer
}
