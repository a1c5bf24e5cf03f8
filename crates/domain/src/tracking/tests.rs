use super::*;
use crate::{CampaignId, Channel};

const HUB: &str = "https://hub.example/in/";

fn occasion(campaign_name: &str) -> Occasion<'_> {
    Occasion { campaign_id: CampaignId::new(), campaign_name, channel: Channel::Sms }
}

fn source(source: &str) -> Utm {
    Utm { source: source.to_owned(), ..Utm::default() }
}

#[test]
fn a_campaign_wins_over_its_workspace_word_by_word() {
    let workspace = WorkspaceTracking {
        base_url: "https://links.example.com".to_owned(),
        utm: Utm { medium: "{channel}".to_owned(), campaign: "{campaign}".to_owned(), ..source("fanfare") },
        ..WorkspaceTracking::default()
    };
    let campaign = CampaignTracking { opens: Some(false), utm: source("spring"), ..CampaignTracking::default() };
    let tracking = Tracking::of(&workspace, &campaign, &occasion("50 % off {channel}"), HUB);
    assert_eq!((tracking.base_url(), tracking.opens, tracking.clicks), ("https://links.example.com", false, true));
    let url = tracking.destination("https://shop.example/a?utm_campaign=own#top").unwrap().url;
    assert_eq!(url, "https://shop.example/a?utm_campaign=own&utm_source=spring&utm_medium=sms#top");
    let url = tracking.destination("https://shop.example").unwrap().url;
    assert!(url.ends_with("&utm_campaign=50+%25+off+%7Bchannel%7D"), "a campaign's name is no template: {url}");
    let none = CampaignTracking { without_utm: true, ..campaign };
    assert_eq!(
        Tracking::of(&workspace, &none, &occasion("c"), HUB).destination("https://shop.example/a").unwrap().url,
        "https://shop.example/a"
    );
}

#[test]
fn only_the_hosts_that_are_named_get_parameters() {
    let workspace = WorkspaceTracking {
        utm: source("fanfare"),
        link_hosts: vec!["shop.example".to_owned()],
        conversion_parameter: "click".to_owned(),
        ..WorkspaceTracking::default()
    };
    let tracking = Tracking::of(&workspace, &CampaignTracking::default(), &occasion("c"), HUB);
    let ours = tracking.destination("https://www.shop.example/?a=1").unwrap();
    assert_eq!(ours.told("token"), "https://www.shop.example/?a=1&utm_source=fanfare&click=token");
    let signed = "https://files.example/x?X-Amz-Signature=0a%2f";
    assert_eq!(tracking.destination(signed).unwrap().told("token"), signed);
}

#[test]
fn links_of_the_hub_are_not_led_through_the_hub() {
    let tracking = Tracking::of(&WorkspaceTracking::default(), &CampaignTracking::default(), &occasion("c"), HUB);
    assert_eq!(tracking.base_url(), "https://hub.example/in");
    assert_eq!(tracking.destination("https://hub.example/in/u/token"), None);
    assert!(tracking.destination("https://hub.example/into/u").is_some());
    assert!(tracking.destination("https://hub.example.evil.example/in/u").is_some());
}

#[test]
fn what_no_token_could_carry_is_not_led_through_the_hub() {
    let destination = |url: String| Destination { url, conversion_parameter: String::new() };
    let long = |length: usize| destination(format!("https://a.example/{}", "x".repeat(length - 18)));
    assert!(long(MAX_TRACKED_BYTES).is_trackable());
    assert!(!long(MAX_TRACKED_BYTES + 1).is_trackable());
    for url in ["javascript:alert(1)", "//a.example", "https://a.example/\0b", "https://a.example/\r\nSet-Cookie: a", ""] {
        assert!(!destination(url.to_owned()).is_trackable(), "{url:?}");
    }
}

#[test]
fn settings_are_kept_in_the_form_in_which_they_are_used() {
    let entered = WorkspaceTracking {
        base_url: "Links.Example.com/".to_owned(),
        link_hosts: ["b.example", "A.example", "a.example"].map(str::to_owned).into(),
        ..WorkspaceTracking::default()
    };
    let (kept, problems) = entered.checked();
    assert_eq!(problems, []);
    assert_eq!(
        (kept.base_url.as_str(), kept.link_hosts),
        ("https://links.example.com", vec!["a.example".to_owned(), "b.example".to_owned()])
    );
}

#[test]
fn everything_that_is_wrong_is_named() {
    let entered = WorkspaceTracking {
        base_url: "http://links.example.com".to_owned(),
        utm: Utm { medium: "{chanel}".to_owned(), term: "a\nb".to_owned(), content: "x".repeat(201), ..source("fine {campaign_id}") },
        link_hosts: vec!["https://a.example".to_owned()],
        conversion_parameter: "utm_id".to_owned(),
        attribution_hours: 0,
        ..WorkspaceTracking::default()
    };
    let fields: Vec<_> = entered.checked().1.into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["utm.medium", "utm.term", "utm.content", "base_url", "link_hosts[0]", "conversion_parameter", "attribution_hours"]);
}

#[test]
fn what_is_stored_may_be_older_than_a_setting() {
    assert_eq!(serde_json::from_str::<WorkspaceTracking>("{}").unwrap(), WorkspaceTracking::default());
    assert_eq!(serde_json::from_str::<CampaignTracking>("{}").unwrap(), CampaignTracking::default());
}
