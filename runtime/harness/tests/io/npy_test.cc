// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/npy.h"

#include <gtest/gtest.h>

#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

std::string file_with(const std::string& header, const std::string& data) {
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  return file + header + data;
}

std::string problem_of(const std::string& file) {
  Array array;
  return parse_npy(file, "x.npy", &array).message;
}

TEST(Npy, ReadsWhatNumpyWrites) {
  // np.save of np.array([[1, 2], [3, 4]], np.int32): header padded with blanks to a multiple of 64.
  std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }";
  header += std::string(117 - header.size(), ' ') + "\n";
  Array array;
  ASSERT_TRUE(parse_npy(file_with(header, std::string("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0", 16)), "x", &array).ok());
  EXPECT_EQ(array.dtype, MDEPLOY_INT32);
  EXPECT_EQ(array.dims, (std::vector<int64_t>{2, 2}));
  EXPECT_DOUBLE_EQ(array.at(2), 3);
}

TEST(Npy, WritesWhatItReads) {
  for (const int32_t dtype : {MDEPLOY_FLOAT32, MDEPLOY_INT32, MDEPLOY_INT64, MDEPLOY_UINT8}) {
    for (const std::vector<int64_t>& dims : {std::vector<int64_t>{}, {1}, {3}, {2, 3}, {1, 3, 32, 32}, {0, 4}}) {
      Array array;
      array.dtype = dtype;
      array.dims = dims;
      size_t bytes = 0;
      ASSERT_TRUE(tensor_bytes(dtype, dims, &bytes));
      for (size_t i = 0; i < bytes; ++i) array.bytes.push_back(static_cast<uint8_t>(i * 7));
      const std::string file = npy_text(array);
      EXPECT_EQ((file.size() - bytes) % 64, 0u);
      Array back;
      ASSERT_EQ(parse_npy(file, "x", &back).message, "");
      EXPECT_EQ(back.dtype, dtype);
      EXPECT_EQ(back.dims, dims);
      EXPECT_EQ(back.bytes, array.bytes);
    }
  }
}

TEST(Npy, RefusesOtherForms) {
  const auto header = [](const char* descr, const char* order, const char* shape) {
    return std::string("{'descr': '") + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  EXPECT_EQ(problem_of(file_with(header("<f4", "False", "(1,)"), "1234")), "");
  EXPECT_NE(problem_of(file_with(header("<f8", "False", "(1,)"), "12345678")).find("dtype <f8"), std::string::npos);
  EXPECT_NE(problem_of(file_with(header(">f4", "False", "(1,)"), "1234")).find("dtype"), std::string::npos);
  EXPECT_NE(problem_of(file_with(header("|O", "False", "(1,)"), "1234")).find("dtype"), std::string::npos);
  EXPECT_NE(problem_of(file_with(header("<f4", "True", "(1,)"), "1234")).find("Fortran"), std::string::npos);
  EXPECT_NE(problem_of(file_with(header("<f4", "False", "(2,)"), "1234")).find("holds 4 bytes"), std::string::npos);
  EXPECT_NE(problem_of(file_with(header("<f4", "False", "(1,)"), "12345")).find("holds 5 bytes"), std::string::npos);
  for (const char* shape : {"(-1,)", "(1", "1", "(1,2,3,4,5,6,7,8,9)", "(99999999999999999999,)", "(1.5,)", "[1]",
                            "(4294967296, 4294967296)", "(9223372036854775807, 2)"}) {
    EXPECT_NE(problem_of(file_with(header("<f4", "False", shape), "")), "") << shape;
  }
  EXPECT_NE(problem_of(file_with("{'descr': '<f4'}\n", "")), "");
  EXPECT_NE(problem_of(file_with("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", "1234")),
            "");
  EXPECT_NE(problem_of(file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}\n", "1234")), "");
}

TEST(Npy, BoolsAreZeroOrOne) {
  Array array;
  const std::string header = "{'descr': '|b1', 'fortran_order': False, 'shape': (4,), }\n";
  ASSERT_EQ(parse_npy(file_with(header, std::string("\0\1\2\xff", 4)), "x", &array).message, "");
  EXPECT_EQ(array.bytes, (std::vector<uint8_t>{0, 1, 1, 1}));
}

TEST(Npy, EveryTruncationIsRefused) {
  const std::string whole = npy_text(float_array({2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(problem_of(whole), "");
  for (size_t length = 0; length < whole.size(); ++length) EXPECT_NE(problem_of(whole.substr(0, length)), "") << length;
  std::string version2 = whole;
  version2[6] = 2;
  EXPECT_NE(problem_of(version2).find("version"), std::string::npos);
}

TEST(Npy, Files) {
  const TemporaryDirectory place;
  Array array;
  EXPECT_TRUE(write_npy(place / "a.npy", float_array({2}, {1.5f, -2})).ok());
  ASSERT_TRUE(read_npy(place / "a.npy", &array).ok());
  EXPECT_DOUBLE_EQ(array.at(1), -2);
  EXPECT_EQ(read_npy(place / "missing.npy", &array).code, MDEPLOY_BAD_INPUT);
  EXPECT_EQ(read_npy("/dev/zero", &array).code, MDEPLOY_BAD_INPUT);
  EXPECT_EQ(write_npy(place / "no/such/place.npy", array).code, MDEPLOY_BAD_INPUT);
}

}  // namespace
}  // namespace mdeploy::harness
