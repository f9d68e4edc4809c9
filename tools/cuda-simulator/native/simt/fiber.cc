#include "simt/fiber.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(SIMT_TSAN)
extern "C" void* __tsan_get_current_fiber();
extern "C" void* __tsan_create_fiber(unsigned flags);
extern "C" void __tsan_destroy_fiber(void* fiber);
extern "C" void __tsan_switch_to_fiber(void* fiber, unsigned flags);
#endif

// Saves the registers that a call keeps on the stack it is on, and takes those of the other.
extern "C" void simt_switch_stack(void** save_stack_pointer, void* stack_pointer);

#if defined(__x86_64__)
asm(R"(
.text
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack, @function
simt_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch_stack, .-simt_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack, %function
simt_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size simt_switch_stack, .-simt_switch_stack
)");
#else
#error "The simulator runs on x86-64 and arm64"
#endif

namespace simt {
namespace {

#if defined(SIMT_TSAN)
constexpr unsigned kNoSync = 1;  // a switch orders nothing: only barriers and shuffles do
#endif

// One launch runs at a time, on whichever thread holds the driver's mutex: these belong to it.
void* scheduler_stack_pointer;
#if defined(__SANITIZE_ADDRESS__)
void* scheduler_fake_stack;
const void* scheduler_stack_bottom;
size_t scheduler_stack_bytes;
#endif
#if defined(SIMT_TSAN)
void* scheduler_tsan_fiber;
#endif
void (*entry)();

[[noreturn]] void trampoline() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack_bottom, &scheduler_stack_bytes);
#endif
  entry();
  abort();  // a fiber never ends: it waits for its next thread
}

}  // namespace

Fiber::Fiber(void (*run)()) : run_(run) {
  stack_ = static_cast<char*>(
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (stack_ == MAP_FAILED) abort();
#if defined(SIMT_TSAN)
  sanitizer_state_ = __tsan_create_fiber(0);
#endif
  restart();
}

Fiber::~Fiber() {
#if defined(SIMT_TSAN)
  __tsan_destroy_fiber(sanitizer_state_);
#endif
  munmap(stack_, kStackBytes);
}

void Fiber::restart() {
  // What switching to it takes off the stack: six registers and where to go on; and the stack must look as after a call.
  auto** top = reinterpret_cast<void**>(stack_ + kStackBytes - 64);
#if defined(__x86_64__)
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(trampoline);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
#else
  top -= 20;
  memset(top, 0, 160);
  top[11] = reinterpret_cast<void*>(trampoline);
#endif
  stack_pointer_ = top;
#if defined(__SANITIZE_ADDRESS__)
  sanitizer_state_ = nullptr;
#endif
}

void Fiber::resume() {
  entry = run_;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, stack_, kStackBytes);
#endif
#if defined(SIMT_TSAN)
  scheduler_tsan_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(sanitizer_state_, kNoSync);
#endif
  simt_switch_stack(&scheduler_stack_pointer, stack_pointer_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

void Fiber::yield() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&sanitizer_state_, scheduler_stack_bottom, scheduler_stack_bytes);
#endif
#if defined(SIMT_TSAN)
  __tsan_switch_to_fiber(scheduler_tsan_fiber, kNoSync);
#endif
  simt_switch_stack(&stack_pointer_, scheduler_stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(sanitizer_state_, &scheduler_stack_bottom, &scheduler_stack_bytes);
#endif
}

}  // namespace simt
