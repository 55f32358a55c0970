//! Panes of one series.

use super::budget::Budget;
use super::fixed::Fixed;
use super::sketch::Sketch;

/// What happened to one series in ten seconds.
#[derive(Clone, Debug)]
pub struct Pane {
    /// Number of the pane since the epoch.
    pub index: i64,
    /// Events; of a ratio, those of the denominator.
    pub count: u64,
    /// Of the values; of a ratio, the events of the numerator.
    pub sum: Fixed,
    pub min: f64,
    pub max: f64,
    /// Filled only when a quantile is asked for.
    pub sketch: Sketch,
}

impl Pane {
    fn new(index: i64) -> Self {
        Self {
            index,
            count: 0,
            sum: Fixed::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sketch: Sketch::default(),
        }
    }

    pub fn sample(&mut self, value: f64) {
        self.count += 1;
        self.sum += Fixed::new(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

/// Panes of one series in ascending order; empty ones are not kept.
#[derive(Clone, Debug, Default)]
pub struct Panes {
    list: Vec<Pane>,
}

impl Panes {
    /// The pane of that number, new if need be; `None` when the budget has no room for it.
    pub fn pane(&mut self, index: i64, budget: &mut Budget) -> Option<&mut Pane> {
        let at = match self.list.last() {
            Some(last) if last.index == index => self.list.len() - 1,
            Some(last) if last.index > index => match self.list.binary_search_by_key(&index, |pane| pane.index) {
                Ok(at) => at,
                Err(at) => self.insert(at, index, budget)?,
            },
            _ => self.insert(self.list.len(), index, budget)?,
        };
        self.list.get_mut(at)
    }

    fn insert(&mut self, at: usize, index: i64, budget: &mut Budget) -> Option<usize> {
        budget.grow(&mut self.list).then(|| self.list.insert(at, Pane::new(index)))?;
        Some(at)
    }

    /// Panes with numbers in [from, until).
    pub fn range(&self, from: i64, until: i64) -> &[Pane] {
        let first = self.list.partition_point(|pane| pane.index < from);
        let last = self.list.partition_point(|pane| pane.index < until);
        &self.list[first..last.max(first)]
    }

    pub fn oldest(&self) -> Option<i64> {
        self.list.first().map(|pane| pane.index)
    }

    /// Forget panes before `floor`; their memory goes back to the budget.
    pub fn prune(&mut self, floor: i64, budget: &mut Budget) {
        let gone = self.list.partition_point(|pane| pane.index < floor);
        self.list.drain(..gone).for_each(|pane| budget.give(pane.sketch.bytes()));
        if self.list.is_empty() {
            budget.give(self.list.capacity() * size_of::<Pane>());
            self.list = Vec::new();
        }
    }

    /// Bytes that this series took from the budget.
    pub fn bytes(&self) -> usize {
        let sketches: usize = self.list.iter().map(|pane| pane.sketch.bytes()).sum();
        self.list.capacity() * size_of::<Pane>() + sketches
    }
}
