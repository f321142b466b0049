//! Where the elements of a tensor lie in its buffer.

use crate::Shape;

/// A strided window on a buffer, in elements. Views (permute, broadcast, slice) change only this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    /// The extents seen through the window.
    pub shape: Shape,
    /// Elements between neighbours along each axis: 0 repeats (broadcast), negative runs backwards.
    pub strides: Vec<isize>,
    /// The element at index zero.
    pub offset: usize,
}

impl Layout {
    /// Row-major without gaps, from the start of the buffer.
    pub fn contiguous(shape: &Shape) -> Self {
        Self { strides: shape.strides(), shape: shape.clone(), offset: 0 }
    }

    /// Whether the elements lie in row-major order without gaps from the start of the buffer.
    pub fn is_contiguous(&self) -> bool {
        let expected = self.shape.strides();
        let same = |i: usize| self.shape[i] == 1 || self.strides[i] == expected[i];
        self.offset == 0 && (self.shape.numel() == 0 || (0..self.shape.rank()).all(same))
    }

    /// The axes in the order of `perm`.
    pub fn permute(&self, perm: &[usize]) -> Self {
        Self { shape: Shape(perm.iter().map(|&p| self.shape[p]).collect()), strides: perm.iter().map(|&p| self.strides[p]).collect(), offset: self.offset }
    }

    /// Stretched to `shape` by NumPy's rule; the shapes must be known to broadcast.
    pub fn broadcast(&self, shape: &Shape) -> Self {
        let lead = shape.rank() - self.shape.rank();
        let stride = |i: usize| match i.checked_sub(lead) {
            Some(j) if self.shape[j] == shape[i] => self.strides[j],
            _ => 0,
        };
        Self { strides: (0..shape.rank()).map(stride).collect(), shape: shape.clone(), offset: self.offset }
    }

    /// `len` elements along each axis from `start`, every `step`-th.
    pub fn slice(&self, start: &[usize], step: &[isize], len: &[usize]) -> Self {
        let shift: isize = (0..start.len()).map(|i| start[i] as isize * self.strides[i]).sum();
        Self {
            shape: Shape(len.to_vec()),
            strides: (0..step.len()).map(|i| self.strides[i] * step[i]).collect(),
            offset: (self.offset as isize + shift) as usize,
        }
    }

    /// The same elements in row-major order as another shape, where no copy is needed for that.
    pub fn reshape(&self, shape: &Shape) -> Option<Self> {
        if self.shape.numel() == 0 {
            return Some(Self { offset: self.offset, ..Self::contiguous(shape) });
        }
        // Walk both shapes from the inside: each run of old axes that lies evenly can be cut anew.
        let old: Vec<(usize, isize)> = (0..self.shape.rank()).filter(|&i| self.shape[i] != 1).map(|i| (self.shape[i], self.strides[i])).collect();
        let mut strides = vec![0isize; shape.rank()];
        let mut i = old.len();
        let (mut left, mut stride) = (1usize, 1isize);
        for j in (0..shape.rank()).rev() {
            if shape[j] == 1 {
                continue;
            }
            if left == 1 {
                i = i.checked_sub(1)?;
                (left, stride) = old[i];
                while i > 0 && old[i - 1].1 == old[i].1 * old[i].0 as isize {
                    i -= 1;
                    left *= old[i].0;
                }
            }
            if left % shape[j] != 0 {
                return None;
            }
            strides[j] = stride;
            stride *= shape[j] as isize;
            left /= shape[j];
        }
        Some(Self { shape: shape.clone(), strides, offset: self.offset })
    }

    /// The buffer index of every element in row-major order.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        let mut index = vec![0usize; self.shape.rank()];
        let mut at = self.offset as isize;
        (0..self.shape.numel()).map(move |_| {
            let here = at as usize;
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * self.shape[axis] as isize;
                index[axis] = 0;
            }
            here
        })
    }
}

/// Axes of extent 1 dropped and neighbours merged where every operand steps evenly over both: the fewest
/// axes that describe all operands at once. All layouts have the same shape.
///
/// Returns the extents and, for each operand, its strides.
pub fn collapse(layouts: &[&Layout]) -> (Vec<usize>, Vec<Vec<isize>>) {
    let mut extents: Vec<usize> = Vec::new();
    let mut strides: Vec<Vec<isize>> = vec![Vec::new(); layouts.len()];
    let Some(first) = layouts.first() else {
        return (extents, strides);
    };
    for axis in 0..first.shape.rank() {
        let extent = first.shape[axis];
        if extent == 1 {
            continue;
        }
        let merges = !extents.is_empty() && layouts.iter().enumerate().all(|(n, l)| strides[n].last() == Some(&(l.strides[axis] * extent as isize)));
        if merges {
            if let Some(last) = extents.last_mut() {
                *last *= extent;
            }
            for (s, l) in strides.iter_mut().zip(layouts) {
                s.pop();
                s.push(l.strides[axis]);
            }
        } else {
            extents.push(extent);
            for (s, l) in strides.iter_mut().zip(layouts) {
                s.push(l.strides[axis]);
            }
        }
    }
    (extents, strides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_of_a_transposed_layout_needs_a_copy() {
        let t = Layout::contiguous(&[2, 3].into()).permute(&[1, 0]);
        assert_eq!(t.reshape(&[6].into()), None);
        assert_eq!(t.reshape(&[3, 1, 2].into()).map(|l| l.strides), Some(vec![1, 0, 3]));
    }

    #[test]
    fn reshape_splits_and_merges_even_runs() {
        let l = Layout::contiguous(&[4, 6].into()).slice(&[1, 0], &[1, 1], &[2, 6]);
        let r = l.reshape(&[2, 2, 3].into());
        assert_eq!(r.map(|l| (l.strides, l.offset)), Some((vec![6, 3, 1], 6)));
    }

    #[test]
    fn reshape_keeps_a_broadcast_axis() {
        let l = Layout::contiguous(&[3].into()).broadcast(&[4, 3].into());
        assert_eq!(l.reshape(&[2, 2, 3].into()).map(|l| l.strides), Some(vec![0, 0, 1]));
        assert_eq!(l.reshape(&[12].into()), None);
    }

    #[test]
    fn indices_run_backwards_with_a_negative_step() {
        let l = Layout::contiguous(&[4].into()).slice(&[3], &[-2], &[2]);
        assert_eq!(l.indices().collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn collapse_merges_what_all_operands_step_evenly() {
        let a = Layout::contiguous(&[2, 3, 4].into());
        let b = Layout::contiguous(&[4].into()).broadcast(&[2, 3, 4].into());
        assert_eq!(collapse(&[&a]), (vec![24], vec![vec![1]]));
        assert_eq!(collapse(&[&a, &b]), (vec![6, 4], vec![vec![4, 1], vec![0, 1]]));
    }
}
