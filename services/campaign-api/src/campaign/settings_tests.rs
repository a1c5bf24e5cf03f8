use super::*;
use proto::campaign::{ChannelSetting, Settings as Wire};

fn fields(settings: Wire) -> Vec<String> {
    parse(settings).1.into_iter().map(|gap| gap.field).collect()
}

#[test]
fn a_name_is_enough_for_a_draft() {
    let (settings, wrong) = parse(Wire { name: "  Spring ".to_owned(), ..Wire::default() });
    assert_eq!(wrong, []);
    assert_eq!((settings.name.as_str(), settings.expires_after_hours, settings.template_id), ("Spring", 72, None));
}

#[test]
fn everything_that_cannot_be_read_is_named() {
    let setting = |channel, sender_id: &str| ChannelSetting { channel, sender_id: sender_id.to_owned(), ..ChannelSetting::default() };
    let list = Uuid::now_v7().to_string();
    let settings = Wire {
        name: "x".repeat(201),
        template_id: "t".to_owned(),
        channels: vec![setting(1, "s"), setting(1, &list), setting(9, &list)],
        list_ids: vec![list.clone(), "l".to_owned()],
        exclude_list_ids: vec![list],
        expires_after_hours: u32::MAX,
        ..Wire::default()
    };
    let expected = [
        "settings.name",
        "settings.expires_after_hours",
        "settings.list_ids[1]",
        "settings.exclude_list_ids[0]",
        "settings.template_id",
        "settings.channels[email].sender_id",
        "settings.channels[1].channel",
        "settings.channels[2].channel",
    ];
    assert_eq!(fields(settings), expected);
}

#[test]
fn more_lists_than_anybody_needs_are_refused() {
    let list_ids = (0..501).map(|_| Uuid::now_v7().to_string()).collect();
    assert_eq!(fields(Wire { name: "x".to_owned(), list_ids, ..Wire::default() }), ["settings.list_ids"]);
}
