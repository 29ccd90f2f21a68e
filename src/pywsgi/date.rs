//! The `Date` of an answer, which is written anew once a second.

use std::cell::RefCell;
use std::fmt;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment of the calendar, in UTC.
pub(super) struct Moment {
    pub(super) year: u64,
    /// From 1 on.
    pub(super) month: u64,
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
    weekday: usize,
}

impl Moment {
    /// The moment so many seconds after the beginning of 1970.
    pub(super) fn of(seconds: u64) -> Moment {
        let (days, rest) = (seconds / 86400, seconds % 86400);
        // Years begin in March here, so that a leap day is the last day of its year. 400 years have 146097 days.
        let since_0000 = days + 719_468;
        let (era, day_of_era) = (since_0000 / 146_097, since_0000 % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = match month_from_march {
            0..=9 => month_from_march + 3,
            _ => month_from_march - 9,
        };
        Moment {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days % 7) as usize,
        }
    }

    pub(super) fn month_name(&self) -> &'static str {
        MONTHS[self.month as usize - 1]
    }

    /// Writes the moment as headers have it.
    fn write_http(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let Moment {
            year,
            day,
            hour,
            minute,
            second,
            ..
        } = self;
        let (weekday, month) = (DAYS[self.weekday], self.month_name());
        write!(
            out,
            "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
        )
    }
}

thread_local! {
    /// A second, and its date as a header.
    static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Appends the header. `now` is the number of a second, by which it is known whether the last date still holds.
pub(super) fn write_header(now: u64, out: &mut Vec<u8>) {
    DATE.with_borrow_mut(|(second, header)| {
        if *second != now {
            *second = now;
            header.clear();
            header.push_str("Date: ");
            // Writing to a string does not fail.
            let _ = Moment::of(now).write_http(header);
            header.push_str("\r\n");
        }
        out.extend_from_slice(header.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
        ];
        for (seconds, date) in dates {
            let mut written = String::new();
            assert!(Moment::of(seconds).write_http(&mut written).is_ok());
            assert_eq!(written, date);
        }
    }
}
