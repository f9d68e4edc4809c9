#pragma once

namespace gearshift::binding {

/** Why an entry did not do its work; the same numbers as ADDON_STATUS in src/addon.ts. */
enum Status : int {
  kDone = 0,
  kOutOfMemory = -1,
  kCancelled = -2,
  kInputGone = -3,
  kOutputGone = -4,
  kShapeConflict = -5,
  kNoThread = -6,
  kInvalidGraph = -7,
};

}  // namespace gearshift::binding
