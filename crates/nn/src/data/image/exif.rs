//! The orientation that a camera wrote beside its picture (EXIF 2.3, tag 0x0112).

/// How the picture is to be turned, 1 to 8; 1, as it is, where the data say nothing that makes sense. `exif` begins with the TIFF header.
pub(super) fn orientation(exif: &[u8]) -> u8 {
    find(exif).filter(|n| (1..=8).contains(n)).unwrap_or(1)
}

fn find(exif: &[u8]) -> Option<u8> {
    let big = match exif.get(..4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        Some(if big { (u32::from(u16_at(at)?) << 16) | u32::from(u16_at(at + 2)?) } else { u32::from(u16_at(at)?) | (u32::from(u16_at(at + 2)?) << 16) })
    };
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    let entry = (0..entries).map(|n| directory + 2 + 12 * n).find(|&at| u16_at(at) == Some(0x0112))?;
    u8::try_from(u16_at(entry + 8)?).ok()
}

/// The source pixel of pixel (x, y) of the turned picture, the source being of this width and height.
pub(super) fn source(orientation: u8, [x, y]: [usize; 2], [width, height]: [usize; 2]) -> [usize; 2] {
    match orientation {
        2 => [width - 1 - x, y],
        3 => [width - 1 - x, height - 1 - y],
        4 => [x, height - 1 - y],
        5 => [y, x],
        6 => [y, height - 1 - x],
        7 => [width - 1 - y, height - 1 - x],
        8 => [width - 1 - y, x],
        _ => [x, y],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EXIF data with one entry, the orientation.
    fn exif(big: bool, value: u16) -> Vec<u8> {
        let two = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let four = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let header: &[u8] = if big { b"MM\0*" } else { b"II*\0" };
        [header, &four(8), &two(1), &two(0x0112), &two(3), &four(1), &two(value), &two(0), &four(0)].concat()
    }

    #[test]
    fn both_byte_orders_are_read() {
        for big in [false, true] {
            assert_eq!(orientation(&exif(big, 6)), 6);
            assert_eq!(orientation(&exif(big, 9)), 1);
        }
    }

    #[test]
    fn damaged_data_are_the_picture_as_it_is() {
        let whole = exif(true, 8);
        for len in 0..whole.len() {
            let read = orientation(&whole[..len]);
            assert!(read == 1 || read == 8, "{len}: {read}");
        }
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), 1);
        assert_eq!(orientation(&[0xff; 40]), 1);
    }

    #[test]
    fn orientations_turn_and_mirror() {
        // A picture 3 wide and 2 high with pixels a b c / d e f.
        let turned = |orientation: u8| {
            let (width, height) = if orientation < 5 { (3, 2) } else { (2, 3) };
            let at = |x, y| {
                let [sx, sy] = source(orientation, [x, y], [3, 2]);
                ["abc", "def"][sy][sx..=sx].to_owned()
            };
            (0..height).map(|y| (0..width).map(|x| at(x, y)).collect::<String>()).collect::<Vec<_>>().join("/")
        };
        let expected = ["abc/def", "cba/fed", "fed/cba", "def/abc", "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"];
        for (n, expected) in expected.iter().enumerate() {
            assert_eq!(turned(n as u8 + 1), *expected, "{}", n + 1);
        }
    }
}
