//! The files that pages load, embedded in the program.

/// A file that pages load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// The end of its address, `/assets/NAME`.
    pub(crate) name: &'static str,
    /// Its content type.
    pub(crate) kind: &'static str,
    /// What it says.
    pub(crate) text: &'static str,
}

/// All of them.
pub(crate) const ASSETS: [Asset; 4] = [
    Asset {
        name: "app.css",
        kind: "text/css; charset=utf-8",
        text: concat!(include_str!("base.css"), include_str!("parts.css")),
    },
    Asset { name: "app.js", kind: "text/javascript; charset=utf-8", text: include_str!("app.js") },
    Asset { name: "view.js", kind: "text/javascript; charset=utf-8", text: include_str!("view.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("icon.svg") },
];

/// A number that changes with any of the files, so that browsers may keep them for ever (FNV-1a).
const STAMP: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < ASSETS.len() {
        let bytes = ASSETS[at].text.as_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            hash = (hash ^ bytes[byte] as u64).wrapping_mul(0x100_0000_01b3);
            byte += 1;
        }
        at += 1;
    }
    hash
};

/// The file of a name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The address of a file.
pub(crate) fn address(name: &str) -> String {
    format!("/assets/{name}?v={STAMP:016x}")
}
