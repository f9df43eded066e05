//! A card: its kernels, how they are launched, and copies. All calls of the driver are here and in `memory`.

use crate::KERNELS;
use crate::args::Address;
use crate::error::{CudaError, While};
use crate::launch::{Launch, Order};
use crate::memory::Pinned;
use cudarc::driver::{CudaContext, CudaEvent, CudaGraph, CudaStream, DriverError, result, sys};
use flate2::read::GzDecoder;
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::io::Read;
use std::sync::Arc;

/// The kernels as code of cards of compute capability 8.x and 9.x, and as PTX, of which the driver makes code for newer ones:
/// that takes a while, once. All compressed by gzip.
const CODE_8: &[u8] = include_bytes!("../compiled/sm_80.cubin.gz");
const CODE_9: &[u8] = include_bytes!("../compiled/sm_90.cubin.gz");
const PTX: &[u8] = include_bytes!("../compiled/elbo.ptx.gz");

/// The least compute capability, and the most memory of a block there.
const CAPABILITY: (i32, i32) = (8, 0);

/// What there is to know of a card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardInfo {
    /// Its number.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Its compute capability.
    pub capability: (i32, i32),
    /// Its memory, in bytes.
    pub memory: usize,
}

/// All that is called of the driver's library: it is there in any since CUDA 12.
const SYMBOLS: [&str; 44] = [
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventElapsedTime",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuFuncSetAttribute",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoH_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyHtoD_v2",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// How many cards NVIDIA's driver shows.
///
/// # Errors
/// If there is no driver, or it is too old, or fails.
pub fn card_count() -> Result<usize, CudaError> {
    // SAFETY: looks for the driver's library, and loads it if it is there: NVIDIA's, whose initialisers do no harm.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::NoDriver);
    }
    // SAFETY: as above; the library is there.
    let library = unsafe { sys::culib() };
    for symbol in SYMBOLS {
        // SAFETY: only whether it is there is looked at.
        if unsafe { library.get::<*const ()>(symbol.as_bytes()) }.is_err() {
            return Err(CudaError::OldDriver { symbol });
        }
    }
    let count = CudaContext::device_count().while_("counting cards")?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// What there is to know of the card of this number.
///
/// # Errors
/// If there is no driver or no such card, or the driver fails.
pub fn card_info(number: usize) -> Result<CardInfo, CudaError> {
    let count = card_count()?;
    if number < count { info(number) } else { Err(CudaError::NoCard { number, count }) }
}

fn info(number: usize) -> Result<CardInfo, CudaError> {
    use sys::CUdevice_attribute_enum::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    let what = "asking for a card's properties";
    let device = result::device::get(number as i32).while_(what)?;
    let name = result::device::get_name(device).while_(what)?;
    // SAFETY: `device` was just handed out by the driver.
    let (major, minor, memory) = unsafe {
        (
            result::device::get_attribute(device, MAJOR).while_(what)?,
            result::device::get_attribute(device, MINOR).while_(what)?,
            result::device::total_mem(device).while_(what)?,
        )
    };
    Ok(CardInfo { number, name, capability: (major, minor), memory })
}

/// The most memory that a block of a card may ask for: a property of its architecture.
fn block_memory(number: usize) -> Result<usize, DriverError> {
    use sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN as MOST;
    let device = result::device::get(number as i32)?;
    // SAFETY: `device` was just handed out by the driver.
    let bytes = unsafe { result::device::get_attribute(device, MOST) }?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// The kernels as a card of this major capability takes them.
fn image(major: i32) -> Vec<u8> {
    let compressed = match major {
        8 => CODE_8,
        9 => CODE_9,
        _ => PTX,
    };
    let mut image = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut image).expect("what the program carries was compressed whole");
    // PTX is text, which ends so; code says itself how long it is.
    image.push(0);
    image
}

/// As the driver takes it.
fn c_string(text: &str) -> CString {
    CString::new(text).expect("a kernel's name has no zero byte")
}

/// A card that the kernels run on.
pub struct Card {
    info: CardInfo,
    block_memory: usize,
    pub(crate) context: Arc<CudaContext>,
    /// Where everything is computed.
    stream: Arc<CudaStream>,
    /// Where what runs beside that is recorded.
    beside: Arc<CudaStream>,
    /// Where batches are copied.
    copies: Arc<CudaStream>,
    module: sys::CUmodule,
    functions: HashMap<&'static str, sys::CUfunction>,
}

// SAFETY: a module and its functions are handles that the driver lets any thread use whose current context is theirs, which
// every method makes it; nothing here changes them after `new`.
unsafe impl Send for Card {}
// SAFETY: as above.
unsafe impl Sync for Card {}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Card").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Card {
    /// The card of this number, with the kernels loaded.
    ///
    /// # Errors
    /// If there is no driver or no such card, the card is too old, or the driver refuses the kernels.
    pub fn new(number: usize) -> Result<Self, CudaError> {
        let info = card_info(number)?;
        if info.capability < CAPABILITY {
            return Err(CudaError::TooOld { name: info.name, capability: info.capability });
        }
        let block_memory = block_memory(number).while_("asking for a card's properties")?;
        let context = CudaContext::new(number).while_("opening the card")?;
        // SAFETY: no memory is taken through the context, so that nothing relies on its events; this crate orders its two
        // streams itself.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().while_("opening a stream")?;
        let beside = context.new_stream().while_("opening a stream")?;
        let copies = context.new_stream().while_("opening a stream")?;
        let image = image(info.capability.0);
        // SAFETY: the image is code as the driver knows it, or text that ends in a zero byte; and the context is current.
        let module = unsafe { result::module::load_data(image.as_ptr().cast()) }.while_("loading the kernels")?;
        let mut functions = HashMap::new();
        for name in KERNELS {
            let what = "finding a kernel";
            // SAFETY: the module is loaded, and the attribute is set to what every card of the least capability has.
            let function = unsafe { result::module::get_function(module, c_string(name)) }.while_(what)?;
            functions.insert(name, function);
        }
        Ok(Self { info, block_memory, context, stream, beside, copies, module, functions })
    }

    /// What there is to know of it.
    #[must_use]
    pub fn info(&self) -> &CardInfo {
        &self.info
    }

    /// The most memory of a block.
    pub(crate) fn block_memory(&self) -> usize {
        self.block_memory
    }

    /// Lets kernels use as much of a block's memory as these launches ask for.
    pub(crate) fn allow(&self, launches: &[Launch]) -> Result<(), CudaError> {
        use sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES as MOST;
        self.context.bind_to_thread().while_("using the card")?;
        for launch in launches.iter().filter(|launch| launch.shared > 48 << 10) {
            let function = self.functions[launch.kernel];
            // SAFETY: the function is of a loaded module.
            unsafe { result::function::set_function_attribute(function, MOST, launch.shared as i32) }
                .while_("asking for a block's memory")?;
        }
        Ok(())
    }

    /// Asks for these launches, one after the other.
    pub(crate) fn launch(&self, launches: &[Launch]) -> Result<(), CudaError> {
        self.context.bind_to_thread().while_("using the card")?;
        launches.iter().try_for_each(|launch| self.launch_on(&self.stream, launch)).while_("launching a kernel")
    }

    /// The same, some beside others, as their order has it.
    fn launch_ordered(&self, launches: &[Launch]) -> Result<(), DriverError> {
        let then = |first: &CudaStream, second: &CudaStream| second.wait(&first.record_event(None)?);
        let mut is_beside = false;
        for launch in launches {
            if launch.order == Order::Beside {
                then(&self.stream, &self.beside)?;
                self.launch_on(&self.beside, launch)?;
                is_beside = true;
                continue;
            }
            if is_beside && launch.order == Order::Joined {
                then(&self.beside, &self.stream)?;
                is_beside = false;
            }
            self.launch_on(&self.stream, launch)?;
        }
        if is_beside { then(&self.beside, &self.stream) } else { Ok(()) }
    }

    fn launch_on(&self, stream: &CudaStream, launch: &Launch) -> Result<(), DriverError> {
        let [x, y, z] = launch.grid;
        let mut params = [launch.args.as_ptr().cast_mut().cast::<c_void>()];
        let function = self.functions[launch.kernel];
        // SAFETY: the function is of a loaded module and takes one structure, which `args` holds; the driver copies it before
        // it returns. The addresses in it are the plan's, of memory that its owner frees only after the stream is done.
        unsafe {
            result::launch_kernel(
                function,
                (x, y, z),
                (launch.threads, 1, 1),
                launch.shared,
                stream.cu_stream(),
                &mut params,
            )
        }
    }

    /// These launches as one graph.
    pub(crate) fn graph(&self, launches: &[Launch]) -> Result<Graph, CudaError> {
        let what = "recording a graph";
        self.stream.begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED).while_(what)?;
        let launched = self.launch_ordered(launches).while_(what);
        let flags = sys::CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
        let graph = self.stream.end_capture(flags).while_(what)?;
        launched?;
        Ok(Graph(graph.expect("a stream that captures has a graph")))
    }

    /// Waits until everything is done that was asked for.
    pub(crate) fn wait(&self) -> Result<(), CudaError> {
        self.copies.synchronize().while_("waiting for the card")?;
        self.stream.synchronize().while_("waiting for the card")
    }

    /// Writes to the card's memory, and waits for it.
    pub(crate) fn write<T: Copy>(&self, to: Address, from: &[T]) -> Result<(), CudaError> {
        self.wait()?;
        // On the stream that reads it: a plain copy may return before its last bytes are there, and no stream of ours waits.
        // SAFETY: `to` is a place of a plan with room for as much, no kernel is running, and `from` lives until the wait.
        unsafe { result::memcpy_htod_async(to, from, self.stream.cu_stream()) }.while_("copying to the card")?;
        self.wait()
    }

    /// Reads from the card's memory, after everything is done that was asked for.
    pub(crate) fn read<T: Copy>(&self, from: Address, to: &mut [T]) -> Result<(), CudaError> {
        self.wait()?;
        // SAFETY: `from` is a place of a plan with as much, and `T` is a number.
        unsafe { result::memcpy_dtoh_sync(to, from) }.while_("copying from the card")
    }

    /// Begins to write to the card's memory, beside what is computed.
    pub(crate) fn begin_write(
        &self,
        to: Address,
        from: &Pinned,
        bytes: std::ops::Range<usize>,
    ) -> Result<(), CudaError> {
        self.context.bind_to_thread().while_("using the card")?;
        let from = from.bytes(bytes);
        // SAFETY: as in `write`; the host's memory is pinned, stays where it is while its owner lives, and is written again
        // only after the event that follows this copy.
        unsafe { result::memcpy_htod_async(to, from, self.copies.cu_stream()) }.while_("copying to the card")
    }

    /// Begins to read from the card's memory, after everything that is computed was computed.
    pub(crate) fn begin_read(
        &self,
        from: Address,
        to: &mut Pinned,
        bytes: std::ops::Range<usize>,
    ) -> Result<(), CudaError> {
        self.context.bind_to_thread().while_("using the card")?;
        let to = to.bytes_mut(bytes);
        // SAFETY: as in `read`; nothing reads the host's memory before the event that follows.
        unsafe { result::memcpy_dtoh_async(to, from, self.stream.cu_stream()) }.while_("copying from the card")
    }

    /// What is computed from now on waits for the copies so far.
    pub(crate) fn wait_for_copies(&self) -> Result<CudaEvent, CudaError> {
        let event = self.copies.record_event(None).while_("ordering streams")?;
        self.stream.wait(&event).while_("ordering streams")?;
        Ok(event)
    }

    /// Copies from now on wait for this.
    pub(crate) fn copies_wait_for(&self, event: &CudaEvent) -> Result<(), CudaError> {
        self.copies.wait(event).while_("ordering streams")
    }

    /// What has been computed when everything so far is.
    pub(crate) fn mark(&self) -> Result<CudaEvent, CudaError> {
        self.stream.record_event(None).while_("ordering streams")
    }

    /// The median time, in microseconds, of what `run` asks for, after once to warm up.
    pub(crate) fn time(
        &self,
        repeats: usize,
        mut run: impl FnMut() -> Result<(), CudaError>,
    ) -> Result<f32, CudaError> {
        let what = "timing";
        let flags = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        run()?;
        let mut times = Vec::new();
        for _ in 0..repeats {
            let begin = self.stream.record_event(flags).while_(what)?;
            run()?;
            let end = self.stream.record_event(flags).while_(what)?;
            times.push(begin.elapsed_ms(&end).while_(what)? * 1e3);
        }
        times.sort_by(f32::total_cmp);
        Ok(times[times.len() / 2])
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: the module was loaded by `new`, and whatever was launched from it has ended with its memory.
            let _ = unsafe { result::module::unload(self.module) };
        }
    }
}

/// Launches that the driver begins at once.
pub(crate) struct Graph(CudaGraph);

// SAFETY: a graph may be used by one thread at a time, and its owner lends it only exclusively.
unsafe impl Send for Graph {}

impl Graph {
    /// Asks for its launches.
    pub(crate) fn run(&self) -> Result<(), CudaError> {
        self.0.launch().while_("launching a graph")
    }
}
