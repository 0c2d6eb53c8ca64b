// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A plugin of qemu's user-mode emulator that counts what an AArch64 program executes, block of code by block of code,
// and drives a model of a data cache with its accesses. Which kind each instruction is, its reader finds out
// (instructions.py): here are words of code.
//
//   qemu-aarch64 -d plugin -plugin counter,out=FILE,least=N PROGRAM
//
// Counted is the last stretch between two calls of clock_gettime that has at least `least` instructions: programs that
// time themselves need no change, since a static one has no vDSO and asks the kernel. `-d plugin` makes qemu read the
// program's symbols. One thread only: the counters are not atomic.
//
// The cache has two levels of 64-byte lines, each least recently used, both filled by reads and by writes. There is no
// prefetcher, no third level, and PRFM does nothing.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

// The part of qemu's plugin interface, version 1, that is used here: Debian has no package with the header.
extern "C" {
struct qemu_plugin_tb;
struct qemu_plugin_insn;
using qemu_plugin_id_t = uint64_t;
using qemu_plugin_meminfo_t = uint32_t;
enum qemu_plugin_cb_flags { kNoRegisters = 0 };
enum qemu_plugin_mem_rw { kReadsAndWrites = 3 };
enum qemu_plugin_op { kAddU64 = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb*, qemu_plugin_op, void*, uint64_t);
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn*, void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void*),
                                      qemu_plugin_cb_flags, qemu_plugin_mem_rw, void*);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t,
                                          void (*)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                   uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void*), void*);
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb*, size_t);
const void* qemu_plugin_insn_data(const qemu_plugin_insn*);
const char* qemu_plugin_insn_symbol(const qemu_plugin_insn*);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t, const void*, int, char**);
}

namespace {

constexpr int64_t kClockGettime = 113;  // its number on AArch64
constexpr uint64_t kLineShift = 6;

struct Counts {
  uint64_t runs = 0, loaded_bytes = 0, stored_bytes = 0, l1_misses = 0, l2_misses = 0;
};

// Code that qemu translated at once. The same code may be translated again: its reader adds those up.
struct Block {
  uint64_t address = 0;
  std::string symbol;
  std::vector<uint32_t> code;
  Counts now;   // since the stretch began
  Counts kept;  // of the stretch that is written
};

class Cache {
 public:
  Cache(unsigned kib, unsigned ways) : sets_(kib * 1024 / 64 / ways), ways_(ways), lines_(sets_ * ways, ~uint64_t{0}) {}

  // Whether the line was there; it is afterwards, as the latest of its set.
  bool touch(uint64_t line) {
    uint64_t* set = &lines_[line % sets_ * ways_];
    unsigned way = 0;
    while (way < ways_ && set[way] != line) ++way;
    const bool found = way < ways_;
    if (!found) way = ways_ - 1;
    std::memmove(set + 1, set, way * sizeof *set);
    set[0] = line;
    return found;
  }

 private:
  uint64_t sets_;
  unsigned ways_;
  std::vector<uint64_t> lines_;  // of each set, the latest first
};

std::string g_out = "counts.jsonl";
uint64_t g_least = 0;
std::unique_ptr<Cache> g_l1, g_l2;
std::vector<std::unique_ptr<Block>> g_blocks;

void on_memory(unsigned, qemu_plugin_meminfo_t info, uint64_t address, void* data) {
  Counts& counts = static_cast<Block*>(data)->now;
  const uint64_t bytes = uint64_t{1} << qemu_plugin_mem_size_shift(info);
  (qemu_plugin_mem_is_store(info) ? counts.stored_bytes : counts.loaded_bytes) += bytes;
  for (uint64_t line = address >> kLineShift; line <= (address + bytes - 1) >> kLineShift; ++line) {
    if (g_l1->touch(line)) continue;
    ++counts.l1_misses;
    if (!g_l2->touch(line)) ++counts.l2_misses;
  }
}

void on_translation(qemu_plugin_id_t, qemu_plugin_tb* tb) {
  auto block = std::make_unique<Block>();
  block->address = qemu_plugin_tb_vaddr(tb);
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(tb, i);
    if (i == 0) {
      const char* symbol = qemu_plugin_insn_symbol(instruction);
      if (symbol != nullptr) block->symbol = symbol;
    }
    uint32_t word;
    std::memcpy(&word, qemu_plugin_insn_data(instruction), sizeof word);
    block->code.push_back(word);
    qemu_plugin_register_vcpu_mem_cb(instruction, on_memory, kNoRegisters, kReadsAndWrites, block.get());
  }
  qemu_plugin_register_vcpu_tb_exec_inline(tb, kAddU64, &block->now.runs, 1);
  g_blocks.push_back(std::move(block));
}

void end_stretch() {
  uint64_t instructions = 0;
  for (const auto& block : g_blocks) instructions += block->now.runs * block->code.size();
  const bool keep = instructions >= g_least;
  for (const auto& block : g_blocks) {
    if (keep) block->kept = block->now;
    block->now = {};
  }
}

void on_syscall(qemu_plugin_id_t, unsigned, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                uint64_t, uint64_t) {
  if (number == kClockGettime) end_stretch();
}

void on_exit(qemu_plugin_id_t, void*) {
  std::FILE* file = std::fopen(g_out.c_str(), "w");
  if (file == nullptr) return std::perror(g_out.c_str());
  for (const auto& block : g_blocks) {
    const Counts& counts = block->kept;
    if (counts.runs == 0) continue;
    std::fprintf(file,
                 "{\"address\": %" PRIu64 ", \"symbol\": \"%s\", \"runs\": %" PRIu64 ", \"loaded_bytes\": %" PRIu64
                 ", \"stored_bytes\": %" PRIu64 ", \"l1_misses\": %" PRIu64 ", \"l2_misses\": %" PRIu64
                 ", \"code\": \"",
                 block->address, block->symbol.c_str(), counts.runs, counts.loaded_bytes, counts.stored_bytes,
                 counts.l1_misses, counts.l2_misses);
    for (uint32_t word : block->code) std::fprintf(file, "%08" PRIx32, word);
    std::fputs("\"}\n", file);
  }
  std::fclose(file);
}

}  // namespace

int qemu_plugin_install(qemu_plugin_id_t id, const void*, int argc, char** argv) {
  unsigned l1_kib = 64, l1_ways = 4, l2_kib = 512, l2_ways = 8;
  for (int i = 0; i < argc; ++i) {
    const std::string option = argv[i];
    const std::string name = option.substr(0, option.find('=')), value = option.substr(option.find('=') + 1);
    if (name == "out") {
      g_out = value;
    } else if (name == "least") {
      g_least = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "l1" && std::sscanf(value.c_str(), "%u:%u", &l1_kib, &l1_ways) == 2) {
    } else if (name == "l2" && std::sscanf(value.c_str(), "%u:%u", &l2_kib, &l2_ways) == 2) {
    } else {
      std::fprintf(stderr, "counter: %s is not out=FILE, least=N, l1=KIB:WAYS or l2=KIB:WAYS\n", argv[i]);
      return 1;
    }
  }
  for (const auto& [kib, ways] : {std::pair(l1_kib, l1_ways), std::pair(l2_kib, l2_ways)}) {
    if (ways == 0 || kib * 16 / ways == 0) {
      std::fprintf(stderr, "counter: no cache has %u KiB in %u ways\n", kib, ways);
      return 1;
    }
  }
  g_l1 = std::make_unique<Cache>(l1_kib, l1_ways);
  g_l2 = std::make_unique<Cache>(l2_kib, l2_ways);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
  return 0;
}
