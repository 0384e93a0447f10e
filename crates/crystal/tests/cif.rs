//! The CIF reader on files as databases and programs write them, and on files that are broken.
#![allow(clippy::unwrap_used)]

use adatom_crystal::{Crystal, CrystalError, Element};
use proptest::prelude::*;

const CELL: &str = "_cell_length_a 4.1\n_cell_length_b 5.2\n_cell_length_c 6.3\n_cell_angle_alpha 90\n\
                    _cell_angle_beta 90\n_cell_angle_gamma 90\n";
const CUBIC: &str = "_cell_length_a 5\n_cell_length_b 5\n_cell_length_c 5\n_cell_angle_alpha 90\n\
                     _cell_angle_beta 90\n_cell_angle_gamma 90\n";
const ATOM_HEAD: &str =
    "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n";

fn read(text: &str) -> Crystal {
    Crystal::from_cif(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn element(symbol: &str) -> Element {
    Element::from_symbol(symbol).unwrap()
}

/// The line, tag and whole message of the error that a text gives.
fn fault(text: &str) -> (usize, String, String) {
    match Crystal::from_cif(text) {
        Err(error @ CrystalError::Cif { .. }) => {
            let message = error.to_string();
            let CrystalError::Cif { line, tag, .. } = error else { unreachable!() };
            (line, tag, message)
        }
        other => panic!("{other:?}\n{text}"),
    }
}

#[test]
fn space_groups_by_name_have_the_general_positions_of_gemmi() {
    // Orbit of (0.137, 0.271, 0.419): size, and the sum of x y + y z² + 0.3 z x over it, with coordinates in
    // 0..1, by gemmi 0.7.5.
    for (name, size, sum) in [
        ("P -1", 2, 1.127555),
        ("P 1 21/n 1", 4, 1.936206),
        ("P 21/c", 4, 2.081506),
        ("C 1 2/c 1", 8, 3.876411),
        ("P b n m", 8, 4.256244),
        ("P n m a", 8, 4.656644),
        ("F d d d:2", 32, 15.530976),
        ("I 41/a m d:1", 32, 15.680976),
        ("I 41/a m d:2", 32, 17.680976),
        ("P 42/m n m", 16, 8.296488),
        ("R -3 m:H", 36, 16.515027),
        ("R -3 m:R", 12, 6.987469),
        ("P 63/m m c", 24, 11.465396),
        ("P -6 m 2", 12, 5.788820),
        ("I a -3 d", 96, 47.156336),
        ("F d -3 m:1", 192, 94.312672),
        ("F d -3 m:2", 192, 92.012672),
        ("F m -3 m", 192, 93.736672),
        ("P 21 3", 12, 5.719942),
        ("P 31 2 1", 6, 2.848724),
    ] {
        let cell = match name.as_bytes()[0..3] {
            [b'R', ..] if name.ends_with('H') => CUBIC.replace("gamma 90", "gamma 120"),
            [b'P', b' ', b'6' | b'3'] | [b'P', b' ', b'-'] if name.len() > 4 => {
                CUBIC.replace("gamma 90", "gamma 120")
            }
            _ => CUBIC.to_owned(),
        };
        // Large, so that no two of the positions are close.
        let cell = cell.replace(" 5\n", " 50\n");
        let text = format!(
            "data_x\n{cell}_symmetry_space_group_name_H-M '{name}'\n{ATOM_HEAD}C 0.137 0.271 0.419\n"
        );
        let crystal = read(&text);
        let found: f64 =
            crystal.sites.iter().map(|s| s.position).map(|[x, y, z]| x * y + y * z * z + 0.3 * z * x).sum();
        assert_eq!(crystal.sites.len(), size, "{name}");
        assert!((found - sum).abs() < 2e-5, "{name}: {found} instead of {sum}");
    }
}

#[test]
fn a_group_is_found_under_all_its_spellings() {
    for name in [
        "'F d -3 m:2'",
        "Fd-3m:2",
        "'F d -3 m Z'",
        "'F d 3 m :2'",
        "F_d_-3_m:2",
        "'f d -3 m:2'",
        "\"Fd3m:2\"",
    ] {
        let crystal = read(&format!(
            "data_x\n{CUBIC}_space_group_name_H-M_alt {name}\n{ATOM_HEAD}Si 0.125 0.125 0.125\n"
        ));
        assert_eq!(crystal.sites.len(), 8, "{name}");
    }
    for (tag, name) in [
        ("_space_group_name_Hall", "'-F 4vw 2vw 3'"),
        ("_symmetry_space_group_name_Hall", "'-f 4vw 2vw 3'"),
        ("_space_group_IT_number", "227"),
        ("_symmetry_Int_Tables_number", "227"),
        ("_space_group.IT_number", "227"),
    ] {
        let crystal = read(&format!("data_x\n{CUBIC}{tag} {name}\n{ATOM_HEAD}Si 0.125 0.125 0.125\n"));
        assert_eq!(crystal.sites.len(), 8, "{tag}");
    }
}

#[test]
fn an_open_choice_of_origin_is_made_by_the_atoms() {
    for position in ["0 0 0", "0.125 0.125 0.125"] {
        let crystal =
            read(&format!("data_x\n{CUBIC}_space_group_name_H-M_alt 'F d -3 m'\n{ATOM_HEAD}Si {position}\n"));
        assert_eq!(crystal.sites.len(), 8, "{position}");
    }
}

#[test]
fn the_unique_axis_of_a_monoclinic_cell_follows_its_angles() {
    let cell = CELL.replace("gamma 90", "gamma 104");
    let crystal =
        read(&format!("data_x\n{cell}_space_group_name_H-M_alt 'P 21/m'\n{ATOM_HEAD}C 0.1 0.2 0.3\n"));
    // The screw axis along c: -x, -y, z+1/2.
    assert!(crystal.sites.iter().any(|s| (s.position[0] - 0.9).abs() < 1e-9
        && (s.position[1] - 0.8).abs() < 1e-9
        && (s.position[2] - 0.8).abs() < 1e-9));
}

#[test]
fn special_positions_merge_even_when_thirds_are_rounded() {
    let cell = CUBIC.replace("gamma 90", "gamma 120");
    for third in ["0.3333 0.6667", "0.333 0.667", "0.33333333 0.66666667", "1/3 2/3"] {
        let crystal = read(&format!(
            "data_x\n{cell}_symmetry_space_group_name_H-M 'P 63/m m c'\n{ATOM_HEAD}Mg {third} 0.25\n"
        ));
        assert_eq!(crystal.sites.len(), 2, "{third}");
    }
}

#[test]
fn a_file_with_every_quirk_at_once_is_read() {
    let text = "\u{feff}#\\#CIF_1.1\r\n# comment 'with quote\r\ndata_global\r\n_publ_author_name 'O'Neil, A.'\r\n\
        _publ_section_title\r\n;\r\n A title; with _tags and loop_ in it\r\n data_notablock\r\n;\r\n\
        DATA_Main\r\n_Cell_Length_A   3.905(2) # edge\r\n_cell_length_b 3.905(2)\r\n_cell_length_c 3.905(2)\r\n\
        _cell_angle_alpha 90.\r\n_cell_angle_beta 90\r\n_cell_formula_units_Z ?\r\n\
        _chemical_formula_sum \"Sr Ti O3\"\r\n_symmetry_space_group_name_H-M ?\r\n\
        loop_\r\n_symmetry_equiv_pos_site_id\r\n_symmetry_equiv_pos_as_xyz\r\n1 'x, y, z'\r\n2 'y, z, x'\r\n\
        3 'z, x, y'\r\n4 '-x,-y,-z'\r\n\
        loop_\r\n_atom_site_label\r\n_atom_site_type_symbol\r\n_atom_site_symmetry_multiplicity\r\n\
        _atom_site_fract_x\r\n_atom_site_fract_y\r\n_atom_site_fract_z\r\n_atom_site_occupancy\r\n\
        _atom_site_B_iso_or_equiv\r\n_atom_site_calc_flag\r\n\
        Sr1 Sr2+ 1 0.00000 0 0 0.9 0.5(1) d\r\nBa1 Ba2+ 1 0 0 0 .1 . d\r\nTi1 Ti4+ 1 .5 .5 0.5 1. ? d\r\n\
        O1 'O2-' 3 0.5 0.5 0 . 0.789568 d\r\nDu1 X 1 0.1 0.1 0.1 1 0 dum\r\nH1 H 1 ? ? ? 1 . d\r\n\
        loop_\r\n_citation_id\r\n_citation_journal_full\r\nprimary 'Some Journal'\r\n";
    let crystal = read(text);
    assert_eq!(crystal.name, "SrTiO3");
    assert_eq!(crystal.source.as_deref(), Some("Some Journal"));
    assert_eq!(crystal.cell.a, 3.905);
    assert_eq!(crystal.sites.len(), 5);
    assert_eq!(crystal.sites[0].species, [(element("Sr"), 0.9), (element("Ba"), 0.1)]);
    assert!((crystal.sites[2].u_iso_angstrom2.unwrap() - 0.01).abs() < 1e-6);
    assert_eq!(crystal.sites[1].u_iso_angstrom2, None);
}

#[test]
fn operations_without_quotes_and_lone_carriage_returns_are_read() {
    let text = format!(
        "data_x\n{CELL}loop_\n_space_group_symop_operation_xyz\nx, y, z\n-x, -y, -z\n1/2+x,y,z\n\
         {ATOM_HEAD}O1 0.1 0.2 0.3\n"
    );
    assert_eq!(read(&text).sites.len(), 3);
    assert_eq!(read(&text.replace('\n', "\r")).sites.len(), 3);
}

#[test]
fn blocks_are_chosen_by_name_and_the_first_with_atoms_otherwise() {
    let block = |name: &str, atom: &str| format!("data_{name}\n{CUBIC}{ATOM_HEAD}{atom} 0 0 0\n");
    let text = format!("data_empty\n_x 1\n{}{}", block("One", "Si"), block("Two", "Ge"));
    assert_eq!(read(&text).name, "One");
    assert_eq!(Crystal::from_cif_block(&text, "two").unwrap().sites[0].species[0].0, element("Ge"));
    assert_eq!(Crystal::from_cif_block(&text, "data_Two").unwrap().name, "Two");
    let error = Crystal::from_cif_block(&text, "three").unwrap_err().to_string();
    assert!(error.contains("three") && error.contains("`empty`, `One`, `Two`"), "{error}");
}

#[test]
fn anisotropic_displacements_give_the_equivalent_and_turn_with_the_site() {
    let text = format!(
        "data_x\n{CUBIC}loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\ny,z,x\nz,x,y\n{ATOM_HEAD}O1 0.5 0 0\nO2 0.2 0.2 0.2\n\
         loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n_atom_site_aniso_U_22\n_atom_site_aniso_U_33\n\
         _atom_site_aniso_U_12\n_atom_site_aniso_U_13\n_atom_site_aniso_U_23\nO1 0.03 0.01 0.02 0 0 0.001\n\
         O2 ? ? ? ? ? ?\n"
    );
    let sites = read(&text).sites;
    assert_eq!(sites.len(), 4);
    assert!(sites[..3].iter().all(|s| (s.u_iso_angstrom2.unwrap() - 0.02).abs() < 1e-12));
    assert_eq!(sites[3].u_iso_angstrom2, None);
    // (0.5, 0, 0) goes to (0, 0, 0.5) by y,z,x, and the long axis of its ellipsoid with it.
    let turned = sites.iter().find(|s| s.position == [0.0, 0.0, 0.5]).unwrap().u_aniso_angstrom2.unwrap();
    for (value, expected) in turned.into_iter().zip([0.01, 0.02, 0.03, 0.001, 0.0, 0.0]) {
        assert!((value - expected).abs() < 1e-12);
    }
    // B in a hexagonal cell: an isotropic tensor has U12 = U11/2 and its equivalent is U11.
    let text = text
        .replace("U_", "B_")
        .replace("gamma 90", "gamma 120")
        .replace("0.03 0.01 0.02 0 0 0.001", "0.789568 0.789568 0.789568 0.394784 0 0");
    assert!((read(&text).sites[0].u_iso_angstrom2.unwrap() - 0.01).abs() < 1e-6);
}

#[test]
fn equivalent_atoms_that_are_listed_beside_the_operations_count_once() {
    let text = format!(
        "data_x\n{CUBIC}_space_group_name_H-M_alt 'F m -3 m'\n{ATOM_HEAD}Ni1 0 0 0\nNi2 0 0.5 0.5\nNi3 0.5 0 0.5\n"
    );
    let crystal = read(&text);
    assert_eq!(crystal.sites.len(), 4);
    assert!(crystal.sites.iter().all(|s| s.species == [(element("Ni"), 1.0)]));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_tag() {
    let good = format!("data_x\n{CUBIC}_symmetry_space_group_name_H-M 'P 1'\n{ATOM_HEAD}Si1 0 0 0\n");
    assert_eq!(read(&good).sites.len(), 1);
    for (from, to, line, tag) in [
        ("_cell_length_a 5", "_cell_length_a five", 2, "_cell_length_a"),
        ("_cell_length_b 5\n", "", 1, "_cell_length_b"),
        ("_cell_length_a 5", "_cell_length_a -5", 2, "_cell_length_a to _cell_angle_gamma"),
        ("'P 1'", "'P 7 q'", 8, "_symmetry_space_group_name_h-m"),
        ("'P 1'", "'P 1", 8, "_symmetry_space_group_name_h-m"),
        ("'P 1'", "P 1", 8, "value"),
        ("'P 1'", "", 8, "_symmetry_space_group_name_h-m"),
        ("Si1 0 0 0", "Si1 0 zero 0", 14, "_atom_site_fract_y"),
        ("Si1 0 0 0", "Si1 0 ? 0", 14, "_atom_site_fract_y"),
        ("Si1 0 0 0", "Qq1 0 0 0", 14, "_atom_site_label"),
        ("Si1 0 0 0", "Si1 0 0 0\nSi2 0.5", 15, "_atom_site_label"),
        ("Si1 0 0 0", "Si1 0 0 0\nGe1 0 0 0", 15, "_atom_site_occupancy"),
        ("Si1 0 0 0\n", "", 1, "_atom_site_fract_x"),
        ("_atom_site_fract_x", "_atom_site_Cartn_x", 9, "_atom_site_fract_x"),
        ("Si1 0 0 0\n", ";\ntext without end\n", 14, "loop_"),
    ] {
        let text = good.replace(from, to);
        let (found_line, found_tag, message) = fault(&text);
        assert_eq!((found_line, found_tag.as_str()), (line, tag), "{from} -> {to}: {message}");
    }
    let operations = "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'x,x,z'\n";
    let (line, tag, message) = fault(&good.replace("_symmetry_space_group_name_H-M 'P 1'\n", operations));
    assert_eq!((line, tag.contains("symop")), (11, true), "{message}");
    assert!(message.contains("`x,x,z`") && message.contains("-x, y+1/2, -z"), "{message}");
}

#[test]
fn hostile_texts_end_in_an_error_soon() {
    let many_values = "1 ".repeat(200_000);
    let many_atoms = "Si 0.1 0.2 0.3\n".repeat(30_000);
    let spread: String =
        (0..5000).map(|k| format!("Si 0.{:04} 0.{:04} 0.3\n", k, (k * 37) % 10_000)).collect();
    let deep = "loop_ ".repeat(50_000);
    for text in [
        String::new(),
        "\0\0\0".to_owned(),
        "data_".to_owned(),
        "loop_".to_owned(),
        ";".to_owned(),
        "'".to_owned(),
        deep,
        format!("data_x loop_ {many_values}"),
        format!("data_x\n_a {many_values}"),
        format!("data_x\n{CUBIC}{ATOM_HEAD}{many_atoms}"),
        format!("data_x\n{CUBIC}_space_group_IT_number 225\n{ATOM_HEAD}{spread}"),
        format!("data_x\n{CUBIC}{ATOM_HEAD}Si 1e300 0 0\n"),
        format!("data_x\n{}{ATOM_HEAD}Si 0 0 0\n", CUBIC.replace(" 5", " 1e308")),
        format!("data_x\n_space_group_name_Hall '{}'\n{CUBIC}{ATOM_HEAD}Si 0 0 0\n", "P 6 ".repeat(1000)),
    ] {
        assert!(Crystal::from_cif(&text).is_err(), "{}", text.chars().take(200).collect::<String>());
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        head in "[ -~\n]{0,60}",
        cut in 0usize..900,
        junk in "(?s).{0,12}",
    ) {
        let good = format!(
            "{head}\ndata_x\n{CUBIC}_symmetry_space_group_name_H-M 'F d -3 m'\nloop_\n_symmetry_equiv_pos_as_xyz\n\
             'x,y,z'\n'-x,1/2+y,z'\n{ATOM_HEAD}Si1 0 0 0\nO2- 0.25(3) .1 1/3\n"
        );
        let cut = good.char_indices().map(|(at, _)| at).nth(cut % good.len()).unwrap_or(0);
        let _ = Crystal::from_cif(&format!("{}{junk}{}", &good[..cut], &good[cut..]));
        let _ = Crystal::from_cif(&format!("{}{junk}", &good[..cut]));
    }
}
