use crate::person::Person;
use adatom::ColumnTable;
use adatom_desktop::Export;

/// Columns at known places come out in the file's pixels, whatever the scale, and whether the network saw the image
/// in one tile or in several.
#[test]
fn exported_positions_are_in_the_files_pixels_whatever_scale_and_tiling() {
    // Spacing in the file, scale: the network sees 16 to 24 px; the last is larger than a tile.
    for (size, spacing, scale) in
        [((150, 200), 12.0, 1.7), ((300, 260), 44.0, 0.45), ((128, 192), 16.0, 1.0), ((520, 560), 11.0, 1.9)]
    {
        let files = tempfile::tempdir().unwrap();
        let (path, truth) = Person::lattice_file(files.path(), size, spacing);
        let mut person = Person::start(&[&path]);
        person.app().document.as_mut().unwrap().settings.scale = Some(scale);
        person.press("Find columns");
        let csv = files.path().join("out.csv");
        let document = person.app().document.as_ref().unwrap();
        Export::Columns.write(document, None, &csv).unwrap();
        let table = ColumnTable::read(&csv).unwrap();
        assert_eq!(table.rows.len(), truth.len(), "{size:?} at {scale}");
        let mut mean = (0.0, 0.0);
        for (x, y) in &truth {
            let off = |p: [f64; 2]| (p[0] - x).hypot(p[1] - y);
            let nearest = table.rows.iter().min_by(|a, b| off(a.position_px).total_cmp(&off(b.position_px)));
            let row = nearest.unwrap();
            // A twentieth of the spacing: the network's own error, not a pixel of another scale.
            assert!(off(row.position_px) < 0.05 * spacing, "{:?} for ({x}, {y}) at {scale}", row.position_px);
            mean.0 += (row.position_px[0] - x) / truth.len() as f64;
            mean.1 += (row.position_px[1] - y) / truth.len() as f64;
            let [ax, ay] = row.position_angstrom.unwrap();
            assert!(
                (ax - 0.2 * row.position_px[0]).abs() < 1e-4 && (ay - 0.2 * row.position_px[1]).abs() < 1e-4
            );
        }
        // A wrong origin would shift them all by half the difference of the pixels of both scales, which is 0.6 px at 0.45.
        let most = (0.006 * spacing).max(0.12);
        assert!(mean.0.hypot(mean.1) < most, "all columns are off by {mean:?} at {scale}");
    }
}
