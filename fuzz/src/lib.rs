//! What every target of the formats does with a file, and what it holds it to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

use adatom_formats::{Dataset, FormatError, Selection, open, open_bytes};

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// Counts what is allocated.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size() as isize;
        let live = LIVE.fetch_add(size, Relaxed) + size;
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Formats whose pixels stand in the file as they are: they may take four times the file and a megabyte
/// beside it. Kilobytes of the others may hold a hundred megabytes of pixels.
const PLAIN: [&str; 5] = ["Gatan DM3", "Gatan DM4", "TIA SER", "TIA EMI", "MRC"];

/// Opens a file in memory and reads its pixels.
pub fn read_bytes(bytes: &[u8]) {
    let held = bytes.to_vec();
    within(bytes.len(), || open_bytes(Path::new("fuzzed"), held));
}

/// Opens the file at `path`, of `length` bytes, and reads its pixels.
pub fn read_file(path: &Path, length: usize) {
    within(length, || open(path));
}

fn within(length: usize, open: impl FnOnce() -> Result<Dataset, FormatError>) {
    abort_on_our_panics();
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut is_plain = false;
    let result = open().and_then(|dataset| {
        is_plain = PLAIN.contains(&dataset.format());
        read_pixels(&dataset)
    });
    if let Err(error) = result {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    let taken = PEAK.load(Relaxed) - before;
    let limit = if is_plain { 4 * length as isize + (1 << 20) } else { 100 << 20 };
    assert!(taken <= limit, "{taken} bytes were allocated for a file of {length}");
}

fn read_pixels(dataset: &Dataset) -> Result<(), FormatError> {
    let _ = dataset.image(&Selection::default());
    for (index, signal) in dataset.signals().iter().enumerate().take(16) {
        // A description may truthfully tell of endless planes, all of one value.
        if signal.planes() <= 64 {
            dataset.stats(index)?;
        } else {
            for frame in [0, signal.planes() - 1] {
                let selection = Selection {
                    signal: Some(index.to_string()),
                    frame: Some(frame),
                    ..Selection::default()
                };
                let _ = dataset.image(&selection);
            }
        }
    }
    Ok(())
}

/// The fuzzer ends at every panic; the decoders of others may have theirs, which are caught.
fn abort_on_our_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let fuzzers = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |location| location.file());
            if file.contains("registry") {
                eprintln!("caught, in a decoder of others: {file}");
            } else {
                fuzzers(panic);
            }
        }));
    });
}
