//! What a workspace's rules about when and how often may be.

use domain::{campaign::MAX_WINDOW_HOURS, gate::QuietHours, schedule};
use proto::convert::channel;
use runtime::status::Violations;
use store::workspace::FrequencyCap;
use time::Time;

/// One for each channel and one over all, with room for channels to come.
const MAX_CAPS: usize = 50;
/// Far above what anybody wants to get.
const MAX_MESSAGES: u32 = 100_000;

/// The name of a zone.
pub fn timezone(zone: &str, violations: &mut Violations) {
    violations.expect(schedule::is_zone(zone), "timezone", "must be an IANA name such as Asia/Dubai");
}

/// Quiet hours; none any more when both times are empty.
pub fn quiet_hours(quiet: &proto::workspace::QuietHours, violations: &mut Violations) -> Option<QuietHours> {
    if quiet.start.is_empty() && quiet.end.is_empty() {
        return None;
    }
    let mut read = |name: &str, text: &str| {
        let time = clock_time(text);
        violations.expect(time.is_some(), &format!("quiet_hours.{name}"), "must be a local time such as 21:00; leave both empty for none");
        time
    };
    let (start, end) = (read("start", &quiet.start), read("end", &quiet.end));
    let (start, end) = (start?, end?);
    violations.expect(start != end, "quiet_hours.end", "must be another time than the start: all day would let nothing leave");
    Some(QuietHours { start, end })
}

/// `21:05`, and nothing else.
fn clock_time(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten();
    Time::from_hms(number(hours)?, number(minutes)?, 0).ok()
}

/// Caps: at most one for a channel.
pub fn frequency_caps(caps: &[proto::workspace::FrequencyCap], violations: &mut Violations) -> Vec<FrequencyCap> {
    violations.expect(caps.len() <= MAX_CAPS, "frequency_caps", "must be at most one for each channel, and one over all");
    let mut read: Vec<FrequencyCap> = Vec::with_capacity(caps.len().min(MAX_CAPS));
    for (index, cap) in caps.iter().enumerate().take(MAX_CAPS) {
        let field = |name: &str| format!("frequency_caps[{index}].{name}");
        let on = channel(cap.channel);
        let known = on.is_some() || cap.channel == 0;
        violations.expect(known, &field("channel"), "must be email, sms, whatsapp, push or social, or be left out for all");
        let repeated = known && read.iter().any(|other| other.channel == on);
        violations.expect(!repeated, &field("channel"), "has a cap already: keep one of the two");
        let messages = (1..=MAX_MESSAGES).contains(&cap.max_messages);
        violations.expect(messages, &field("max_messages"), "must be 1 to 100000");
        let hours = (1..=MAX_WINDOW_HOURS).contains(&cap.window_hours);
        violations.expect(hours, &field("window_hours"), "must be 1 to 8784");
        if known && messages && hours {
            let (max_messages, window_hours) = (cap.max_messages.cast_signed(), cap.window_hours.cast_signed());
            read.push(FrequencyCap { channel: on, max_messages, window_hours });
        }
    }
    // As they are read back.
    read.sort_by_key(|cap| (cap.channel.is_none(), cap.channel.map(|channel| channel.as_str())));
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_clock_is_four_digits() {
        assert_eq!(clock_time("21:05"), Time::from_hms(21, 5, 0).ok());
        for text in ["", "21", "9:00", "24:00", "21:60", "21:00:00", "2a:00", "+1:00"] {
            assert_eq!(clock_time(text), None, "{text}");
        }
    }
}
