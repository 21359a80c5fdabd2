//! The spread table: every domain now and after, with bars.

use super::Page;
use crate::plan::model::WorkloadPlan;
use crate::report::style::{Ink, pad};
use crate::report::table::{Align, rows};
use crate::report::words::{self, Names, interval};
use crate::spread::decision::{DomainRow, SpreadRow};

/// Cells of the longest bar.
const BAR: u32 = 12;

impl Page<'_> {
    /// `moments`: what the two columns are called.
    pub(super) fn spread(&mut self, workload: &WorkloadPlan, names: Names<'_>, moments: [&str; 2]) {
        for row in &workload.decision.spread {
            self.spread_row(row, names, moments);
        }
    }

    fn spread_row(&mut self, row: &SpreadRow, names: Names<'_>, [then, later]: [&str; 2]) {
        // A domain without replicas, now or after, and without a share of them says nothing.
        let all: Vec<&DomainRow> =
            row.domains.iter().filter(|d| d.weight > 0 || d.existing > 0 || d.after > 0 || d.before.hi > 0).collect();
        let few = all.len() <= 12 || self.style.verbose;
        let shown: Vec<&DomainRow> =
            all.iter().copied().filter(|d| few || differs(d)).take(if few { usize::MAX } else { 12 }).collect();
        let most = all.iter().map(|d| d.before.hi.max(d.after).max(d.existing)).max().unwrap_or(0);
        let mut cells = vec![vec![self.title(row, names), then.into(), String::new(), later.into(), String::new()]];
        for domain in &shown {
            cells.push(self.domain(domain, most));
        }
        self.blank();
        rows(&cells, &[Align::Left, Align::Right, Align::Left, Align::Right, Align::Left], 0, &mut self.out);
        let hidden = all.len() - shown.len();
        self.more(hidden, if few { "" } else { " domains" });
    }

    fn title(&self, row: &SpreadRow, names: Names<'_>) -> String {
        let spread = names.workload.spread.get(row.index);
        let ratio =
            spread.map_or("even".into(), |s| words::ratio(&s.ratio, row.domains.iter().map(|d| d.name.as_str())));
        let mut title = self.style.strong(&self.tell("spread.title", &[("level", &row.level)]));
        if !row.parent.is_empty() {
            let parents: Vec<&str> = row.parent.iter().map(|(_, name)| name.as_str()).collect();
            title.push_str(&self.tell("spread.within", &[("parent", &parents.join("/"))]));
        }
        let tolerance = row.tolerance.to_string();
        title.push_str(&self.tell("spread.ratio", &[("ratio", &ratio), ("tolerance", &tolerance)]));
        if let Some(most) = row.max_skew {
            let (from, to, most) = (fraction(row.skew_before), fraction(row.skew_after), most.to_string());
            title.push_str(&self.tell("spread.skew", &[("from", &from), ("to", &to), ("most", &most)]));
        }
        title
    }

    fn domain(&self, domain: &DomainRow, most: u32) -> Vec<String> {
        let mut name = format!("  {}", domain.name);
        if !domain.eligible {
            name.push_str(&self.style.ink(Ink::Bad, &self.tell("spread.out", &[])));
        }
        let wide = domain.after.max(domain.existing).max(domain.before.hi);
        vec![
            name,
            interval(domain.before),
            self.bar(domain.before.lo, wide, most),
            domain.after.to_string(),
            self.bar(domain.after, domain.after, most),
        ]
    }

    /// `full` of `wide` replicas, drawn so that `most` fills the column.
    fn bar(&self, full: u32, wide: u32, most: u32) -> String {
        let cells = |n: u32| match most {
            0 => 0,
            m if m <= BAR => n,
            m => (u64::from(n) * u64::from(BAR)).div_ceil(u64::from(m)) as u32,
        };
        let (on, off) = if self.style.unicode { ("\u{25a0}", "\u{25a1}") } else { ("#", "-") };
        let filled = cells(full).min(cells(wide));
        let text = format!("{}{}", on.repeat(filled as usize), off.repeat((cells(wide) - filled) as usize));
        pad(&text, cells(most.max(wide)) as usize)
    }
}

fn differs(domain: &DomainRow) -> bool {
    domain.before.lo != domain.after || domain.before.hi != domain.after || !domain.eligible
}

/// A fraction of replicas to hundredths.
fn fraction((numerator, denominator): (i64, i64)) -> String {
    words::amount(numerator, u32::try_from(denominator).unwrap_or(1))
}
