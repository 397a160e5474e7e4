//! The outline of an 8-connected set of pixels.

/// Steps to the right, down, to the left and up: turning right is the next, turning left the one before.
const STEPS: [(isize, isize); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// The corners `(x, y)` of the outer outline, clockwise as rows go down, the last joined to the first; it runs along the
/// edges of pixels, and pixel `i` covers `i..i + 1`. Where two pixels meet in a corner it passes there twice. Holes have no
/// part in it.
///
/// `is_inside(row, column)` is asked of pixels beyond every border too. `(row, column)`: the first pixel of the set in the order
/// of rows.
pub(super) fn outline(is_inside: impl Fn(isize, isize) -> bool, (row, column): (usize, usize)) -> Vec<(usize, usize)> {
    let first = (column as isize, row as isize);
    let (mut at, mut heading) = (first, 0);
    let mut corners = vec![];
    loop {
        let (x, y) = at;
        let (before, after) = ahead(x, y, heading);
        let turned = match (is_inside(before.0, before.1), is_inside(after.0, after.1)) {
            // A pixel that only touches belongs to the set as well.
            (true, _) => (heading + 3) % 4,
            (false, true) => heading,
            (false, false) => (heading + 1) % 4,
        };
        if turned != heading || at == first {
            corners.push((x as usize, y as usize));
            heading = turned;
        }
        at = (x + STEPS[heading].0, y + STEPS[heading].1);
        if at == first {
            return corners;
        }
    }
}

/// The pixels `(row, column)` beyond a corner, to the left and to the right of the way.
fn ahead(x: isize, y: isize, heading: usize) -> ((isize, isize), (isize, isize)) {
    let [above_left, above_right] = [(y - 1, x - 1), (y - 1, x)];
    let [below_left, below_right] = [(y, x - 1), (y, x)];
    match heading {
        0 => (above_right, below_right),
        1 => (below_right, below_left),
        2 => (below_left, above_left),
        _ => (above_left, above_right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&str]) -> Vec<(usize, usize)> {
        let is_inside = |row: isize, column: isize| {
            let byte = usize::try_from(row)
                .ok()
                .and_then(|row| rows.get(row))
                .and_then(|row| usize::try_from(column).ok().and_then(|column| row.as_bytes().get(column)));
            byte == Some(&b'#')
        };
        let row = rows.iter().position(|row| row.contains('#')).unwrap();
        outline(is_inside, (row, rows[row].find('#').unwrap()))
    }

    #[test]
    fn a_rectangle_has_four_corners() {
        assert_eq!(of(&["....", ".##.", ".##."]), [(1, 1), (3, 1), (3, 3), (1, 3)]);
        assert_eq!(of(&["#"]), [(0, 0), (1, 0), (1, 1), (0, 1)]);
    }

    #[test]
    fn pixels_that_touch_in_a_corner_have_one_outline() {
        assert_eq!(of(&["#.", ".#"]), [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1)]);
        assert_eq!(of(&[".#", "#."]), [(1, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2), (0, 1), (1, 1)]);
    }

    #[test]
    fn a_hole_is_left_alone() {
        assert_eq!(of(&["###", "#.#", "###"]), [(0, 0), (3, 0), (3, 3), (0, 3)]);
    }
}
