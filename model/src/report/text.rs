//! Laying out text: columns, numbers, sizes.

/// The number of columns that a text takes. Every sign used here takes one.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text filled up with spaces on its right.
pub fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// A text filled up with spaces on its left.
pub fn pad_left(text: &str, to: usize) -> String {
    format!("{}{text}", " ".repeat(to.saturating_sub(width(text))))
}

/// Breaks a text between words into lines of at most `columns`, longer words apart; one line at least.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is one line at least");
        if last.is_empty() {
            *last = word.to_owned();
        } else if width(last) + 1 + width(word) <= columns {
            *last += " ";
            *last += word;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A number in groups of three digits.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// Bytes, rounded: `1.2 GB`.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{} kB", n / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", n / 1_000_000),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// A rate, rounded: `1.2 M/s`.
pub fn rate(count: u64, seconds: f64) -> String {
    let r = if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    };
    if r >= 1e6 {
        format!("{:.1} M/s", r / 1e6)
    } else if r >= 1e3 {
        format!("{:.0} k/s", r / 1e3)
    } else {
        format!("{r:.0} /s")
    }
}

/// A table of columns, each aligned to the left or (`true`) to the right, with a line under the header.
pub fn table(header: &[(&str, bool)], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = header.iter().map(|(h, _)| width(h)).collect();
    for row in rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = (*w).max(width(cell));
        }
    }
    let names: Vec<String> = header.iter().map(|(h, _)| (*h).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
    [&names, &rule]
        .into_iter()
        .chain(rows)
        .map(|row| line(header, &widths, row))
        .collect()
}

/// One line of a table with columns of given widths.
pub fn line(header: &[(&str, bool)], widths: &[usize], row: &[String]) -> String {
    let cells: Vec<String> = header
        .iter()
        .zip(widths)
        .zip(row)
        .map(|(((_, right), w), cell)| {
            if *right {
                pad_left(cell, *w)
            } else {
                pad(cell, *w)
            }
        })
        .collect();
    cells.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [5_000, 42_000_000, 2_140_000_000].map(bytes),
            ["5 kB", "42 MB", "2.1 GB"]
        );
        assert_eq!(
            (rate(3_000_000, 2.0), rate(1, 0.0)),
            ("1.5 M/s".into(), "0 /s".into())
        );
    }

    #[test]
    fn a_table_is_aligned() {
        let rows = [
            vec!["a".into(), "10".into()],
            vec!["long".into(), "9".into()],
        ];
        assert_eq!(
            table(&[("name", false), ("n", true)], &rows),
            ["name   n", "────  ──", "a     10", "long   9"]
        );
    }

    #[test]
    fn words_are_not_broken() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
    }
}
