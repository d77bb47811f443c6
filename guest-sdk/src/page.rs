/// One part of a list that may be long, and where the next part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// The last page, unless it is said where the [next](Page::next) begins. At most 10,000 items.
    pub fn of(items: impl IntoIterator<Item = T>) -> Self {
        Self {
            items: items.into_iter().collect(),
            next: None,
        }
    }

    /// Where the next page begins: handed back as the cursor; at most 4 KiB. `None` for the last page.
    pub fn next(mut self, cursor: impl Into<Option<String>>) -> Self {
        self.next = cursor.into();
        self
    }
}
