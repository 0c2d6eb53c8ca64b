// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The C ABI of the mdeploy runtime: everything that a harness, an app or a language binding may use.
//
// Conventions
//   * Handles are opaque. A net is immutable once loaded and may be shared by threads; a session belongs to one
//     thread at a time (mdeploy_session_cancel alone may be called from any thread).
//   * Structs that may grow start with `struct_size`, which the caller sets to sizeof(the struct).
//   * Buffers belong to the caller. Strings returned by the library live as long as the handle they came from.
//   * Every function that can fail returns a status and, where `error` is not NULL, fills it with one line that
//     names operator, blob, what was expected and what was found. No exception crosses this boundary, nothing
//     aborts, and nothing is assumed about a file's contents.
#ifndef MDEPLOY_RUNTIME_H_
#define MDEPLOY_RUNTIME_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#error "mdeploy supports Linux, Android, macOS and iOS; Windows is not supported (use WSL)"
#endif
#define MDEPLOY_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

#define MDEPLOY_VERSION "0.1.0"
#define MDEPLOY_ABI_VERSION 1
#define MDEPLOY_MAX_RANK 8

// One numbering for statuses, process exit codes and the report's `status` words.
typedef enum mdeploy_status {
  MDEPLOY_OK = 0,
  MDEPLOY_CHECK_FAILED = 1,  // parity or another check did not hold
  MDEPLOY_USAGE = 2,         // a bad argument from the caller
  MDEPLOY_BAD_INPUT = 3,     // a file is missing, unreadable, corrupt or refused
  MDEPLOY_UNSUPPORTED = 4,   // the net needs an operator or a form that the runtime does not have
  MDEPLOY_UNAVAILABLE = 5,   // a needed resource (memory, a requested instruction set) is missing
  MDEPLOY_INTERNAL = 70,
  MDEPLOY_CANCELLED = 130
} mdeploy_status;

typedef enum mdeploy_dtype {  // values of caffe2.TensorProto.DataType
  MDEPLOY_FLOAT32 = 1,
  MDEPLOY_INT32 = 2,
  MDEPLOY_BOOL = 5,
  MDEPLOY_UINT8 = 6,
  MDEPLOY_INT64 = 10
} mdeploy_dtype;

typedef struct mdeploy_error {
  size_t struct_size;
  int32_t code;        // an mdeploy_status
  char message[1024];  // one line, NUL-terminated, UTF-8
} mdeploy_error;

typedef struct mdeploy_tensor_spec {
  size_t struct_size;
  const char* name;
  int32_t dtype;  // an mdeploy_dtype
  int32_t rank;
  int64_t dims[MDEPLOY_MAX_RANK];
} mdeploy_tensor_spec;

typedef struct mdeploy_net mdeploy_net;
typedef struct mdeploy_session mdeploy_session;

MDEPLOY_API uint32_t mdeploy_abi_version(void);
MDEPLOY_API const char* mdeploy_version(void);      // MDEPLOY_VERSION of the library, "0.1.0"
MDEPLOY_API const char* mdeploy_compiler_id(void);  // "clang 19.1.0"
MDEPLOY_API const char* mdeploy_compiler_flags(void);
MDEPLOY_API const char* mdeploy_build_type(void);
MDEPLOY_API const char* mdeploy_best_isa(void);  // what this CPU would run: "avx512", "avx2", "sse2", "neon", ...
MDEPLOY_API const char* mdeploy_status_name(int32_t status);  // "ok", "check_failed", ... as in the report

// The operators that a net may hold, sorted, and the load-time passes in their order. NULL beyond the last.
MDEPLOY_API size_t mdeploy_operator_count(void);
MDEPLOY_API const char* mdeploy_operator_type(size_t index);
// What the checks of a net know of an operator. Nothing is written, and MDEPLOY_USAGE returned, beyond the last.
typedef struct mdeploy_operator_info {
  size_t struct_size;
  const char* type;
  int32_t min_inputs, max_inputs;  // -1: any number
  int32_t min_outputs, max_outputs;
} mdeploy_operator_info;
MDEPLOY_API mdeploy_status mdeploy_operator(size_t index, mdeploy_operator_info* info);
// Whether output `output` of the operator may be the same blob as its input `input`.
MDEPLOY_API int32_t mdeploy_operator_in_place(size_t index, size_t input, size_t output);
MDEPLOY_API size_t mdeploy_pass_count(void);
MDEPLOY_API const char* mdeploy_pass_name(size_t index);

// ---------------------------------------------------------------------------------------------------- loading
typedef struct mdeploy_load_options {
  size_t struct_size;
  // Shapes of the data inputs. A Caffe2 net does not record them, and every choice at load depends on them:
  // each input of predict_net that init_net does not make must be here. A spec without a name (NULL or "") means the
  // input at its position, counted over the external inputs that init_net does not make.
  const mdeploy_tensor_spec* inputs;
  size_t input_count;
  // Instruction set to use, or NULL for the best one (or the one that the environment variable MDEPLOY_ISA names).
  const char* isa;
  // Load-time graph passes to leave out, by name; "all" leaves out every optional one.
  const char* const* skip_passes;
  size_t skip_pass_count;
  // Blobs that must stay readable by name after a run (per-layer comparison), or "*" alone for every blob.
  const char* const* keep_blobs;
  size_t keep_blob_count;
  // Upper bound on memory for blobs and weights in bytes; 0 means 4 GiB. A net that needs more is refused.
  uint64_t max_bytes;
} mdeploy_load_options;

// Reads, checks and rewrites a net pair (binary NetDef, or text format when the file is not binary).
MDEPLOY_API mdeploy_status mdeploy_net_load(const char* init_path, const char* predict_path,
                                            const mdeploy_load_options* options, mdeploy_net** net,
                                            mdeploy_error* error);
// The same from memory. The bytes are not needed after the call.
MDEPLOY_API mdeploy_status mdeploy_net_load_memory(const void* init_bytes, size_t init_size, const void* predict_bytes,
                                                   size_t predict_size, const mdeploy_load_options* options,
                                                   mdeploy_net** net, mdeploy_error* error);
MDEPLOY_API void mdeploy_net_free(mdeploy_net* net);

// Inputs are in the order of predict_net's external_input, outputs in that of its external_output (where an old net
// declares none: the first output of its last operator).
MDEPLOY_API size_t mdeploy_net_input_count(const mdeploy_net* net);
MDEPLOY_API size_t mdeploy_net_output_count(const mdeploy_net* net);
MDEPLOY_API mdeploy_status mdeploy_net_input(const mdeploy_net* net, size_t index, mdeploy_tensor_spec* spec);
MDEPLOY_API mdeploy_status mdeploy_net_output(const mdeploy_net* net, size_t index, mdeploy_tensor_spec* spec);
MDEPLOY_API const char* mdeploy_net_name(const mdeploy_net* net);
MDEPLOY_API const char* mdeploy_net_isa(const mdeploy_net* net);
MDEPLOY_API uint64_t mdeploy_net_parameters(const mdeploy_net* net);  // weight elements in init_net
MDEPLOY_API uint64_t mdeploy_net_macs(const mdeploy_net* net);

// --------------------------------------------------------------------------------------------------- sessions
typedef struct mdeploy_session_options {
  size_t struct_size;
  int32_t threads;                // 0 means the number of cores the process may use, at most 8
  const int32_t* affinity_cores;  // cores to pin the threads to (thread i to core i mod count), NULL to leave them free
  size_t affinity_core_count;
  int32_t profile;  // non-zero keeps per-operator times
} mdeploy_session_options;

// A tensor in C order. For an input `data` is read, for an output it is written and must hold `bytes` bytes.
typedef struct mdeploy_tensor {
  size_t struct_size;
  void* data;
  size_t bytes;
  int32_t dtype;
  int32_t rank;
  int64_t dims[MDEPLOY_MAX_RANK];
} mdeploy_tensor;

MDEPLOY_API mdeploy_status mdeploy_session_create(const mdeploy_net* net, const mdeploy_session_options* options,
                                                  mdeploy_session** session, mdeploy_error* error);
MDEPLOY_API void mdeploy_session_free(mdeploy_session* session);
// Runs the net. Inputs and outputs go by position. Allocates nothing after the first call.
MDEPLOY_API mdeploy_status mdeploy_session_run(mdeploy_session* session, const mdeploy_tensor* inputs,
                                               size_t input_count, mdeploy_tensor* outputs, size_t output_count,
                                               mdeploy_error* error);
// Makes a run in progress, or the next one, return MDEPLOY_CANCELLED at the next operator. Safe from any thread.
MDEPLOY_API void mdeploy_session_cancel(mdeploy_session* session);
MDEPLOY_API int32_t mdeploy_session_threads(const mdeploy_session* session);
MDEPLOY_API int32_t mdeploy_session_affinity_applied(const mdeploy_session* session);
// Describes (data NULL) or copies a kept blob after a run.
MDEPLOY_API mdeploy_status mdeploy_session_blob(const mdeploy_session* session, const char* name,
                                                mdeploy_tensor* tensor, mdeploy_error* error);

typedef struct mdeploy_op_profile {
  size_t struct_size;
  const char* name;    // first output blob
  const char* type;    // operator type as in the net, or the fused operator's
  const char* kernel;  // what runs it, such as "winograd_f4_avx512"
  double total_ms;     // over all profiled runs
  uint64_t runs;
  uint64_t macs;  // per run
} mdeploy_op_profile;

MDEPLOY_API size_t mdeploy_session_op_count(const mdeploy_session* session);
MDEPLOY_API mdeploy_status mdeploy_session_op_profile(const mdeploy_session* session, size_t index,
                                                      mdeploy_op_profile* profile);
MDEPLOY_API void mdeploy_session_reset_profile(mdeploy_session* session);

// --------------------------------------------------------------------------------------------- preprocessing
typedef enum mdeploy_color_order { MDEPLOY_RGB = 0, MDEPLOY_BGR = 1, MDEPLOY_GRAY = 2 } mdeploy_color_order;
typedef enum mdeploy_resize_mode {
  MDEPLOY_BILINEAR = 0,
  MDEPLOY_NEAREST = 1,
  MDEPLOY_BOX = 2,
  MDEPLOY_BICUBIC = 3,  // a = -0.5
  MDEPLOY_LANCZOS = 4   // three lobes
} mdeploy_resize_mode;
// How a resize computes, which decides every pixel's last bits. Models are trained with one of the others.
typedef enum mdeploy_resize_arithmetic {
  MDEPLOY_UNROUNDED = 0,  // bilinear or nearest, in float32 and never rounded: artifacts that do not say
  MDEPLOY_PILLOW = 1,     // as Pillow 13 resizes an image, to the bit: fixed point, 8 bits after each of two passes
  MDEPLOY_TENSOR = 2,     // as torchvision resizes a float tensor: float32
  MDEPLOY_PILLOW_12 = 3   // as Pillow did before 13: the horizontal pass is always the first
} mdeploy_resize_arithmetic;
typedef enum mdeploy_pixel_scale {
  MDEPLOY_SCALE_0_1 = 0,      // then mean and std
  MDEPLOY_SCALE_0_255 = 1,    // mean and std do not count
  MDEPLOY_SCALE_MINUS1_1 = 2  // pixel / 127.5 - 1; mean and std do not count
} mdeploy_pixel_scale;

// x = (pixel / 255 - mean) / std after resizing and a centre crop: the manifest's input, field by field.
typedef struct mdeploy_preprocess_spec {
  size_t struct_size;
  int32_t color_order;
  int32_t resize_mode;
  int32_t resize_short_side;            // 0 when unused
  int32_t resize_height, resize_width;  // 0 when unused
  int32_t crop_height, crop_width;      // 0 when unused
  int32_t nhwc;                         // 0: NCHW planes, 1: interleaved
  float mean[4];
  float std[4];
  // A struct_size without what follows means that it is all zero. With MDEPLOY_UNROUNDED nothing of it counts.
  int32_t arithmetic;       // mdeploy_resize_arithmetic
  int32_t no_antialias;     // 1: a filter is not widened when it shrinks
  int32_t scale;            // mdeploy_pixel_scale
  int32_t letterbox;        // 1: fit into resize_height x resize_width, aspect kept, in its middle
  int32_t crop_round_down;  // 1: half a pixel of a crop's margin is cut off, not rounded to even
  int32_t has_background;   // 1: alpha is blended over `background`; 0: it is ignored
  uint8_t fill[4];          // R, G, B around a letterbox, and around an image smaller than the crop
  uint8_t background[4];    // R, G, B
} mdeploy_preprocess_spec;

// Turns an RGBA8 picture (row stride in bytes) into the input tensor `output` (float32; `output->dims` must be what
// the spec gives for a picture of this size). Filters use half-pixel centres and are widened when they shrink, as
// Pillow's are.
MDEPLOY_API mdeploy_status mdeploy_preprocess(const uint8_t* rgba, int32_t width, int32_t height, size_t stride,
                                              const mdeploy_preprocess_spec* spec, mdeploy_tensor* output,
                                              mdeploy_error* error);

// Gives `count` rows of RGBA8 from row `first_row`, 4 * width bytes each without gaps, valid until the next call; NULL
// ends the work with MDEPLOY_BAD_INPUT.
typedef const uint8_t* (*mdeploy_row_reader)(void* user, int32_t first_row, int32_t count);

// The same for a picture that is not in memory as a whole: rows are asked for in bands, from top to bottom, those that
// a crop leaves out are not asked for. Not for MDEPLOY_UNROUNDED.
MDEPLOY_API mdeploy_status mdeploy_preprocess_rows(mdeploy_row_reader reader, void* user, int32_t width, int32_t height,
                                                   const mdeploy_preprocess_spec* spec, mdeploy_tensor* output,
                                                   mdeploy_error* error);

#ifdef __cplusplus
}
#endif
#endif  // MDEPLOY_RUNTIME_H_
