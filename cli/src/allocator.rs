//! The allocator of the process.

// Shards hand small allocations from thread to thread, where the system's allocator is slowest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
