//! Files of the pages, which are part of the program.

use adatom_library::hexadecimal;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

pub(crate) struct Asset {
    name: &'static str,
    pub kind: &'static str,
    pub bytes: &'static [u8],
}

const ASSETS: [Asset; 6] = [
    Asset {
        name: "site.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/site.css"),
    },
    Asset {
        name: "theme.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/theme.js"),
    },
    Asset {
        name: "site.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/site.js"),
    },
    Asset {
        name: "viewer.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/viewer.js"),
    },
    Asset { name: NO_PICTURE, kind: "image/svg+xml", bytes: include_bytes!("../../assets/no-picture.svg") },
    Asset { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("../../assets/icon.svg") },
];

/// What is shown where there is no image.
pub(crate) const NO_PICTURE: &str = "no-picture.svg";

pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Another one whenever a file is another one, so that browsers may keep them for ever.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hash = Sha256::new();
        ASSETS.iter().for_each(|asset| hash.update(asset.bytes));
        hexadecimal(&hash.finalize()[..6])
    })
}
