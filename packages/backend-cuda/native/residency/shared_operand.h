#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "operations/upload.h"

namespace gearshift::cuda {

/** A device for as long as somebody holds on to it. To be let go of on threads of JavaScript only: the last one waits for workers. */
using DeviceRef = std::shared_ptr<Device>;

inline DeviceRef hold(Device* device) { return DeviceRef(device, &Device::close); }

/** What names a copy: two threads that give the same key mean the same operand. */
struct OperandKey {
  int ordinal;
  bool is_graph;
  int64_t id;
  int64_t version;
  size_t shape[2];  // rows and dimensions, or nodes and edges
  /** Not part of the name: of two threads that want different ones, the first decides. */
  Companion companion = Companion::none;
};

/** Who is to fill a copy, seen from one handle. The same numbers as RESIDENT_STATE in src/addon.ts. */
enum class FillState : int { ready = 0, ours = 1, theirs = 2 };

/** Who fills a copy: one handle of one JavaScript thread. */
struct Filler {
  const void* thread = nullptr;
  int64_t handle = 0;

  bool operator==(const Filler& other) const noexcept { return thread == other.thread && handle == other.handle; }
};

/**
 * A copy of an operand on a device, shared by the threads of the process; or a part of one, for a single request. Contents
 * are written by one owner at a time and never again once ready.
 */
class SharedOperand {
 public:
  SharedOperand(DeviceRef device, const OperandKey& key) noexcept
      : fill_end(key.shape[0]), device_(std::move(device)), key_(key) {}
  ~SharedOperand();
  SharedOperand(const SharedOperand&) = delete;
  SharedOperand& operator=(const SharedOperand&) = delete;

  Device& device() const noexcept { return *device_; }
  const OperandKey& key() const noexcept { return key_; }
  bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  size_t bytes() const noexcept { return key_.is_graph ? graph.bytes() : matrix.bytes(); }

  Outcome allocate() noexcept;
  /** The next steps of filling it, for whoever the copy is to be filled by. */
  Outcome advance_matrix(const float* values, size_t value_count, const UploadTime& time, bool* finished) noexcept;
  Outcome advance_graph(const uint32_t* row_pointers, const uint32_t* columns, const float* weights, const UploadTime& time,
                        bool* finished) noexcept;
  /** Whether these values are those of the copy, by a sample of them. */
  bool holds_sample_of(const float* values, size_t value_count) const noexcept;

  DeviceMatrix matrix;
  DeviceGraph graph;

  /** Rows that are to be filled, at first all. */
  size_t fill_begin = 0;
  size_t fill_end;

  // Of a part, made for one request.
  size_t first_row = 0;
  std::vector<uint32_t> gathered;

 private:
  friend class OperandRegistry;

  const DeviceRef device_;
  const OperandKey key_;
  std::unique_ptr<MatrixUpload> matrix_upload_;
  std::unique_ptr<GraphUpload> graph_upload_;
  uint64_t sample_ = 0;
  std::atomic<bool> ready_{false};
  Filler filler_;  // guarded by the registry's mutex; nobody: an empty one
};

/** The copies that threads share. Every function may be called from any thread. */
class OperandRegistry {
 public:
  struct Opened {
    std::shared_ptr<SharedOperand> operand;  // null: see outcome
    Outcome outcome;
  };
  static Opened open(const DeviceRef& device, const OperandKey& key);
  /** One that nobody else can name: rows [first_row, first_row + rows), or the gathered ones. */
  static Opened open_part(const DeviceRef& device, size_t rows, size_t dimensions, size_t first_row,
                          std::vector<uint32_t> gathered);
  /**
   * The copy as one of another version, of which rows [start, end) are still to be filled. Null when anybody else uses it, or
   * has a copy of that version already: then nothing happened.
   */
  static std::shared_ptr<SharedOperand> take_over(const std::shared_ptr<SharedOperand>& held, int64_t version, size_t start,
                                                  size_t end);
  /** Who fills the copy; one that nobody is filling becomes `asker`'s to fill. */
  static FillState claim(SharedOperand& operand, const Filler& asker) noexcept;
  /** Lets others take over what `owner` has not finished filling. */
  static void give_up(SharedOperand& operand, const Filler& owner) noexcept;
};

}  // namespace gearshift::cuda
