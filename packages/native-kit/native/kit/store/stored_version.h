#pragma once

#include <cstddef>
#include <cstdint>

#include "kit/store/layout.h"
#include "kit/store/racing_access.h"

namespace gearshift::kit {

/**
 * One version of a stored matrix, as a reader sees it who has pinned it: read rows, then ask is_intact(), and read those rows
 * again that replaced_row() finds a copy of. Borrows the memory.
 */
struct StoredVersion {
  const AtomicInt* control;
  const AtomicUint* heads;
  const uint8_t* log;
  size_t slot_bytes;
  int32_t sequence;

  /** Whether no change had begun when the rows were read. One load from a line that only changes write. */
  bool is_intact() const noexcept {
    fence(std::memory_order_acquire);
    return control[kWriting].load(std::memory_order_relaxed) == sequence;
  }

  /** Whether rows may have to be read from a file. */
  bool is_mapped() const noexcept { return (control[kFlags].load(std::memory_order_relaxed) & kMappedFlag) != 0; }

  /**
   * The row of this version if later changes have replaced it, else null. It stays there for as long as the version is
   * pinned. Call it after the row was read and is_intact() was false.
   */
  const void* replaced_row(size_t row) const noexcept {
    // Heads exist for every row of this version from the first slot on, and the log for every slot.
    if (control[kSlots].load(std::memory_order_acquire) == 0) return nullptr;
    const Slot* oldest = nullptr;
    int32_t newer = 0;
    for (uint32_t link = heads[row].load(std::memory_order_acquire); link != 0;) {
      // Loaded after the link: a newer change may take a slot at any time, and the older ones are behind it.
      if (link > static_cast<uint32_t>(control[kSlots].load(std::memory_order_acquire))) break;
      const auto* slot = reinterpret_cast<const Slot*>(log + (link - 1) * slot_bytes);
      const int32_t change = slot->sequence.load(std::memory_order_acquire);
      // Slots that this version does not need may be free, or in use for another row or a newer change.
      if (change == 0 || !is_later(change, sequence) || slot->row.load(std::memory_order_relaxed) != row) break;
      if (oldest != nullptr && !is_later(newer, change)) break;
      oldest = slot;
      newer = change;
      link = slot->next.load(std::memory_order_relaxed);
    }
    return oldest == nullptr ? nullptr : oldest->contents();
  }
};

}  // namespace gearshift::kit
