//! The business calendar: is the desk open, when does it open next, and the opening hours in words. Works in the desk's
//! own time zone on times that callers pass.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};

use crate::kb::{Desk, Language, OpeningHours};

/// How far ahead the next opening is looked for: longer than any holiday season.
const DAYS_AHEAD: i64 = 60;

const DAYS_JA: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];
const DAYS_EN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The opening hours of a desk.
#[derive(Debug, Clone)]
pub struct Calendar<'a> {
    desk: &'a Desk,
    zone: TimeZone,
}

impl<'a> Calendar<'a> {
    /// The calendar of `desk`. A time zone that this machine does not know counts as Japan's when the desk is Japanese
    /// by name (`Asia/Tokyo`, `Japan`, or none given), else as UTC.
    pub fn of(desk: &'a Desk) -> Self {
        let zone = TimeZone::get(&desk.time_zone).unwrap_or_else(|_| match desk.time_zone.as_str() {
            "" | "Asia/Tokyo" | "Japan" => TimeZone::fixed(Offset::constant(9)),
            _ => TimeZone::UTC,
        });
        Self { desk, zone }
    }

    /// Whether the desk has opening hours at all; one without them counts as always open.
    fn has_hours(&self) -> bool {
        self.desk.hours.iter().any(Option::is_some)
    }

    /// Whether a person is on duty at `now` (UTC milliseconds).
    pub fn is_open(&self, now: i64) -> bool {
        if !self.has_hours() {
            return true;
        }
        let local = self.local(now);
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        self.hours_on(local.date())
            .is_some_and(|hours| i32::from(hours.open) <= minute && minute < i32::from(hours.close))
    }

    /// The day it is at the desk at `now` (UTC milliseconds).
    pub fn today(&self, now: i64) -> Date {
        self.local(now).date()
    }

    /// When the desk opens next (UTC milliseconds): `None` while it is open, or when it never opens within 60 days.
    pub fn next_open(&self, now: i64) -> Option<i64> {
        if self.is_open(now) {
            return None;
        }
        let today = self.local(now).date();
        (0..=DAYS_AHEAD).find_map(|days| {
            let date = today.checked_add(days.days()).ok()?;
            let opening = self.opening(date)?;
            (opening > now).then_some(opening)
        })
    }

    /// A moment in words, in the desk's time zone: `11月24日(火)9:00` or `Tue 24 Nov, 9:00`.
    pub fn moment(&self, at: i64, language: Language) -> String {
        let local = self.local(at);
        let day = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let (hour, minute) = (local.hour(), local.minute());
        match language {
            Language::Ja => {
                format!("{}月{}日({}){hour}:{minute:02}", local.month(), local.day(), DAYS_JA[day])
            }
            Language::En => {
                let month = local.strftime("%b");
                format!("{} {} {month}, {hour}:{minute:02}", DAYS_EN[day], local.day())
            }
        }
    }

    /// The opening hours in words: `月〜金 9:00〜18:00、土・日 10:00〜17:00(祝日を除く)`.
    pub fn hours_text(&self, language: Language) -> String {
        let (always, separator, and, to, days) = match language {
            Language::Ja => ("24時間", "、", "・", "〜", DAYS_JA),
            Language::En => ("24 hours", ", ", " and ", "-", DAYS_EN),
        };
        if !self.has_hours() {
            return always.to_owned();
        }
        let mut text = String::new();
        let mut first = 0;
        while first < 7 {
            let hours = self.desk.hours[first];
            let last = (first..7).take_while(|day| self.desk.hours[*day] == hours).last().unwrap_or(first);
            if let Some(OpeningHours { open, close }) = hours {
                let range = match last - first {
                    0 => days[first].to_owned(),
                    1 => format!("{}{and}{}", days[first], days[last]),
                    _ => format!("{}{to}{}", days[first], days[last]),
                };
                let separator = if text.is_empty() { "" } else { separator };
                let (open, close) = (clock(open), clock(close));
                let _ = write!(text, "{separator}{range} {open}{to}{close}");
            }
            first = last + 1;
        }
        if !self.desk.holidays.is_empty() {
            text.push_str(match language {
                Language::Ja => "(祝日・休業日を除く)",
                Language::En => " (closed on public holidays)",
            });
        }
        if language == Language::En && self.desk.time_zone == "Asia/Tokyo" {
            text.push_str(", Japan time");
        }
        text
    }

    fn hours_on(&self, date: Date) -> Option<OpeningHours> {
        if self.desk.holidays.contains_key(&date) {
            return None;
        }
        let day = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        self.desk.hours[day].filter(|hours| hours.open < hours.close)
    }

    fn opening(&self, date: Date) -> Option<i64> {
        let open = self.hours_on(date)?.open;
        let time = Time::new((open / 60) as i8, (open % 60) as i8, 0, 0).ok()?;
        let zoned = DateTime::from_parts(date, time).to_zoned(self.zone.clone()).ok()?;
        Some(zoned.timestamp().as_millisecond())
    }

    fn local(&self, at: i64) -> Zoned {
        Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone())
    }
}

fn clock(minutes: u16) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn desk() -> Desk {
        let week = Some(OpeningHours { open: 9 * 60, close: 18 * 60 });
        let weekend = Some(OpeningHours { open: 10 * 60, close: 17 * 60 });
        Desk {
            time_zone: "Asia/Tokyo".into(),
            hours: [week, week, week, week, week, weekend, weekend],
            holidays: [(date(2026, 11, 23), "勤労感謝の日".to_owned())].into(),
            ..Desk::default()
        }
    }

    fn at(text: &str) -> i64 {
        format!("{text}+09:00").parse::<Timestamp>().expect("a time").as_millisecond()
    }

    #[test]
    fn the_desk_opens_and_closes_to_the_minute_and_stays_closed_on_holidays() {
        let desk = desk();
        let calendar = Calendar::of(&desk);
        let cases = [
            ("2026-11-20T08:59:59", false, "2026-11-20T09:00:00"), // Friday
            ("2026-11-20T09:00:00", true, ""),
            ("2026-11-20T17:59:59", true, ""),
            ("2026-11-20T18:00:00", false, "2026-11-21T10:00:00"),
            ("2026-11-22T17:00:00", false, "2026-11-24T09:00:00"), // Sunday before a holiday
            ("2026-11-23T12:00:00", false, "2026-11-24T09:00:00"),
        ];
        for (now, open, next) in cases {
            assert_eq!(calendar.is_open(at(now)), open, "{now}");
            assert_eq!(calendar.next_open(at(now)), (!open).then(|| at(next)), "{now}");
        }
    }

    #[test]
    fn hours_and_moments_are_said_in_words() {
        let desk = desk();
        let calendar = Calendar::of(&desk);
        assert_eq!(
            calendar.hours_text(Language::Ja),
            "月〜金 9:00〜18:00、土・日 10:00〜17:00(祝日・休業日を除く)"
        );
        let english = "Mon-Fri 9:00-18:00, Sat and Sun 10:00-17:00 (closed on public holidays), Japan time";
        assert_eq!(calendar.hours_text(Language::En), english);
        assert_eq!(calendar.moment(at("2026-11-24T09:00:00"), Language::Ja), "11月24日(火)9:00");
        assert_eq!(calendar.moment(at("2026-11-24T09:05:00"), Language::En), "Tue 24 Nov, 9:05");
    }

    #[test]
    fn a_desk_without_hours_is_always_open_and_one_that_is_closed_for_good_has_no_next_opening() {
        let always = Desk::default();
        assert!(Calendar::of(&always).is_open(0));
        assert_eq!(Calendar::of(&always).hours_text(Language::Ja), "24時間");
        let mut never = desk();
        never.hours = [Some(OpeningHours { open: 600, close: 600 }); 7];
        assert_eq!(Calendar::of(&never).next_open(0), None);
    }

    #[test]
    fn an_unknown_time_zone_falls_back() {
        let mut desk = desk();
        desk.time_zone = "Mars/Olympus".into();
        assert!(Calendar::of(&desk).is_open(at("2026-11-20T18:00:00")), "09:00 UTC");
    }
}
