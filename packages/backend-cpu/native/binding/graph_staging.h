#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace gearshift::binding {

/**
 * A graph's arrays on their way into a resident copy: taken over piece by piece on the thread that owns them, then built
 * from on any thread. What is checked is this copy, which nobody else can change.
 */
class GraphStaging {
 public:
  GraphStaging() = default;
  GraphStaging(const GraphStaging&) = delete;
  GraphStaging& operator=(const GraphStaging&) = delete;
  ~GraphStaging() { clear(); }

  /** False: out of memory. */
  bool allocate(size_t nodes, size_t edges) noexcept {
    clear();
    row_pointers = make<uint32_t>(nodes + 1);
    columns = make<uint32_t>(edges);
    weights = make<float>(edges);
    return row_pointers != nullptr && columns != nullptr && weights != nullptr;
  }

  bool is_allocated() const noexcept { return weights != nullptr; }

  void clear() noexcept {
    std::free(row_pointers);
    std::free(columns);
    std::free(weights);
    row_pointers = columns = nullptr;
    weights = nullptr;
  }

  uint32_t* row_pointers = nullptr;
  uint32_t* columns = nullptr;
  float* weights = nullptr;

 private:
  template <typename T>
  static T* make(size_t count) noexcept {
    if (count > SIZE_MAX / sizeof(T) - 1) return nullptr;
    return static_cast<T*>(std::malloc((count + 1) * sizeof(T)));
  }
};

}  // namespace gearshift::binding
