#pragma once

#include <atomic>
#include <memory>

#include "device/lane_store.h"
#include "kit/element_format.h"
#include "kit/owned_array.h"
#include "operations/operands.h"

namespace gearshift::cuda {

/** How an upload may use the thread it is on. */
struct UploadTime {
  /** When to come back to the caller; 0: at the end. */
  int64_t deadline_ns = 0;
  /** Whether to wait for the device. Otherwise the upload comes back unfinished. */
  bool may_wait = false;
  const std::atomic<bool>* cancelled = nullptr;

  bool is_cancelled() const noexcept { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); }
};

/**
 * Host memory on its way to a device, piece by piece: each is copied into page-locked memory by the calling thread, and from
 * there by the device while the next is copied. The caller's memory is read during advance() only.
 *
 * Uses a lane of its own from the first piece to the last. Dropping an upload that is under way waits for its pieces.
 */
class Upload {
 public:
  explicit Upload(Device& device) noexcept : device_(device) {}
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

 protected:
  /** Takes page-locked memory for the next piece; null when there is none free yet and waiting is not allowed. */
  Outcome next_piece(const UploadTime& time, char** memory) noexcept;
  /** Sends the piece on its way. */
  Outcome send(CUdeviceptr to, size_t bytes) noexcept;
  /** Whether everything sent has arrived. */
  Outcome finish(const UploadTime& time, bool* finished) noexcept;

  Lane& lane() noexcept { return *lane_; }
  Device& device() noexcept { return device_; }
  void finish_lane() noexcept;

 private:
  Outcome wait_for(size_t slot, const UploadTime& time, bool* has_passed) noexcept;

  Device& device_;
  std::unique_ptr<Lane> lane_;
  size_t next_slot_ = 0;
  int64_t waiting_since_ns_ = 0;  // of a caller that does not wait in here
};

/** Fills device rows [begin, end) of a matrix, in float32, and their inverse norms. */
class MatrixUpload : public Upload {
 public:
  /**
   * @param first_source row of the source that goes to device row `begin`
   * @param gathered     the source rows one by one, `end - begin` of them, or empty; must outlive the upload
   */
  MatrixUpload(Device& device, DeviceMatrix& matrix, kit::ElementFormat source_format, size_t begin, size_t end,
               size_t first_source, const kit::OwnedArray<uint32_t>& gathered) noexcept
      : Upload(device),
        matrix_(matrix),
        source_format_(source_format),
        begin_(begin),
        end_(end),
        next_(begin),
        first_source_(first_source),
        gathered_(gathered) {}

  /** @param elements  the whole source, `element_count` of them */
  Outcome advance(const void* elements, size_t element_count, const UploadTime& time, bool* finished) noexcept;

 private:
  DeviceMatrix& matrix_;
  const kit::ElementFormat source_format_;
  const size_t begin_;
  const size_t end_;
  size_t next_;
  const size_t first_source_;
  const kit::OwnedArray<uint32_t>& gathered_;
  bool has_norms_ = false;
};

/** Fills a graph, checking on the way what no kernel checks: an edge from a node that is not there would kill the context. */
class GraphUpload : public Upload {
 public:
  GraphUpload(Device& device, DeviceGraph& graph) noexcept : Upload(device), graph_(graph) {}

  Outcome advance(const uint32_t* row_pointers, const uint32_t* columns, const float* weights, const UploadTime& time,
                  bool* finished) noexcept;

 private:
  Outcome send_row_pointers(const uint32_t* row_pointers, char* piece) noexcept;
  Outcome send_columns(const uint32_t* columns, char* piece) noexcept;
  Outcome send_weights(const float* weights, char* piece) noexcept;
  Outcome send_long_rows(char* piece) noexcept;

  DeviceGraph& graph_;
  size_t position_ = 0;  // row pointers, then columns, then weights, then long rows
  uint32_t last_pointer_ = 0;
  kit::OwnedArray<uint32_t> long_rows_;
};

}  // namespace gearshift::cuda
