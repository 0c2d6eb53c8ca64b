// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Loads a net pair and runs it on the values at the end of a file (an .npy file is a header and then its values):
//   run_net mdeploy-out/init_net.pb mdeploy-out/predict_net.pb mdeploy-out/golden/random/input_0.npy 1 3 32 32
#include <mdeploy/mdeploy_runtime.h>
#include <stdio.h>
#include <stdlib.h>

static size_t bytes_of(const mdeploy_tensor_spec* spec) {
  size_t bytes = sizeof(float);
  for (int i = 0; i < spec->rank; ++i) bytes *= (size_t)spec->dims[i];
  return bytes;
}

static mdeploy_tensor tensor_of(const mdeploy_tensor_spec* spec) {
  mdeploy_tensor tensor = {
      .struct_size = sizeof tensor, .bytes = bytes_of(spec), .dtype = spec->dtype, .rank = spec->rank};
  for (int i = 0; i < spec->rank; ++i) tensor.dims[i] = spec->dims[i];
  tensor.data = malloc(tensor.bytes);
  return tensor;
}

int main(int argc, char** argv) {
  if (argc < 5 || argc > 4 + MDEPLOY_MAX_RANK) return fputs("usage: run_net INIT PREDICT INPUT DIM...\n", stderr), 2;
  mdeploy_error error = {.struct_size = sizeof error};
  mdeploy_tensor_spec in = {.struct_size = sizeof in, .dtype = MDEPLOY_FLOAT32, .rank = argc - 4};
  for (int i = 0; i < in.rank; ++i) in.dims[i] = atoll(argv[4 + i]);
  mdeploy_tensor_spec out = {.struct_size = sizeof out};
  mdeploy_load_options options = {.struct_size = sizeof options, .inputs = &in, .input_count = 1};
  mdeploy_net* net = NULL;
  mdeploy_session* session = NULL;
  mdeploy_status status = mdeploy_net_load(argv[1], argv[2], &options, &net, &error);
  if (status == MDEPLOY_OK) status = mdeploy_session_create(net, NULL, &session, &error);
  if (status == MDEPLOY_OK) {
    mdeploy_net_output(net, 0, &out);
    mdeploy_tensor x = tensor_of(&in), y = tensor_of(&out);
    FILE* file = fopen(argv[3], "rb");
    if (file == NULL || fseek(file, -(long)x.bytes, SEEK_END) != 0 || fread(x.data, 1, x.bytes, file) != x.bytes) {
      return fprintf(stderr, "%s: has not %zu bytes of values\n", argv[3], x.bytes), 3;
    }
    status = mdeploy_session_run(session, &x, 1, &y, 1, &error);
    for (size_t i = 0; status == MDEPLOY_OK && i < y.bytes / sizeof(float); ++i) printf("%.9g\n", ((float*)y.data)[i]);
    fclose(file), free(x.data), free(y.data);
  }
  if (status != MDEPLOY_OK) fprintf(stderr, "%s\n", error.message);
  mdeploy_session_free(session);
  mdeploy_net_free(net);
  return status;
}
