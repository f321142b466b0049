//! Futures that go on together, and end one behind the other.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Futures in the order in which their results are taken.
pub(super) struct Ahead<T>(VecDeque<Slot<T>>);

enum Slot<T> {
    Running(Pin<Box<dyn Future<Output = T>>>),
    Ended(T),
}

impl<T> Ahead<T> {
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, future: impl Future<Output = T> + 'static) {
        self.0.push_back(Slot::Running(Box::pin(future)));
    }

    /// The result of the first future; the others go on meanwhile. `None` where there is none.
    pub(super) async fn first(&mut self) -> Option<T> {
        std::future::poll_fn(|context| {
            let ended: Vec<bool> = self.0.iter_mut().map(|slot| slot.advance(context)).collect();
            if ended.first() == Some(&false) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        match self.0.pop_front() {
            Some(Slot::Ended(result)) => Some(result),
            _ => None,
        }
    }
}

impl<T> Slot<T> {
    /// Goes on as far as it can now; whether it has ended.
    fn advance(&mut self, context: &mut Context<'_>) -> bool {
        if let Self::Running(future) = self
            && let Poll::Ready(result) = future.as_mut().poll(context)
        {
            *self = Self::Ended(result);
        }
        matches!(self, Self::Ended(_))
    }
}

impl<T> std::fmt::Debug for Ahead<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ahead({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Ends at its n-th poll, and notes each.
    fn after(name: char, polls: usize, log: &Rc<RefCell<String>>) -> impl Future<Output = char> + use<> {
        let (log, mut left) = (log.clone(), polls);
        std::future::poll_fn(move |context| {
            log.borrow_mut().push(name);
            left -= 1;
            context.waker().wake_by_ref();
            if left == 0 { Poll::Ready(name) } else { Poll::Pending }
        })
    }

    #[test]
    fn results_come_in_order_and_the_futures_go_on_together() {
        let log = Rc::default();
        let mut ahead = Ahead::new();
        for (name, polls) in [('a', 2), ('b', 1), ('c', 3)] {
            ahead.push(after(name, polls, &log));
        }
        let mut next = || pollster::block_on(ahead.first());
        assert_eq!([next(), next(), next(), next()], [Some('a'), Some('b'), Some('c'), None]);
        // One that has ended is not asked again.
        assert_eq!(*log.borrow(), "abcacc");
    }
}
