# Compiler options of every target.
set(SANITIZE "" CACHE STRING "Sanitizers to build with: address (with undefined, and libFuzzer), thread, or none")

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/pkg)
target_compile_options(project_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # Boost 1.74 uses std::exchange in its coroutine support without including <utility>.
  -include utility)
target_compile_definitions(project_options INTERFACE
  # Boost 1.74 knows clang's older coroutine macro only; both our compilers have standard coroutines.
  BOOST_ASIO_HAS_CO_AWAIT=1
  BOOST_ASIO_NO_DEPRECATED
  RAPIDJSON_HAS_STDSTRING=1)
target_link_libraries(project_options INTERFACE Threads::Threads)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Unlike gcc, it warns about fields that keep their own initializers.
  target_compile_options(project_options INTERFACE -Wno-missing-field-initializers)
elseif(CMAKE_UNITY_BUILD)
  # gcc treats an included source file's anonymous namespace as that of a header.
  target_compile_options(project_options INTERFACE -Wno-subobject-linkage)
endif()

# The OpenSSF's compiler hardening guide, as far as gcc 12 and clang 16 support it; test/image/hardened.sh checks the finished
# programs. Sanitizers have their own checks, which conflict with some of these.
if(NOT SANITIZE)
  target_compile_options(project_options INTERFACE
    -Wformat=2 -Werror=format-security
    -fPIE -D_GLIBCXX_ASSERTIONS -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
    -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>) # needs the optimizer
  target_link_options(project_options INTERFACE
    -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--no-copy-dt-needed-entries)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(project_options INTERFACE -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    target_compile_options(project_options INTERFACE -mbranch-protection=standard)
  endif()
endif()

if(SANITIZE STREQUAL "address")
  # fuzz.sh measures which lines are reached. The profile is written only if LLVM_PROFILE_FILE names a file.
  set(flags -fsanitize=fuzzer-no-link,address,undefined -fprofile-instr-generate=/dev/null -fcoverage-mapping)
  target_compile_options(project_options INTERFACE
    ${flags} -fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/test/fuzz/ignorelist.txt
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_definitions(project_options INTERFACE __SANITIZE_ADDRESS__) # gcc defines it by itself
  target_link_options(project_options INTERFACE ${flags})
elseif(SANITIZE STREQUAL "thread")
  # -Wno-tsan: gcc warns that it does not model the fences of Asio's handler dispatch; its queues use mutexes.
  # -Wno-maybe-uninitialized: gcc takes the instrumentation of its own <regex> for uses of unset members.
  # -Wno-mismatched-new-delete: it inlines coroutines halfway, and takes Asio's allocation of their frames for a mismatch.
  target_compile_options(project_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer -Wno-tsan -Wno-maybe-uninitialized
    -Wno-mismatched-new-delete)
  target_link_options(project_options INTERFACE -fsanitize=thread)
endif()
