#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "test/support/test_certificates.h"

namespace receiver::test {

/// The folder of a mounted Secret, with tls.crt and tls.key: a link points to the current version.
class MountedPair {
 public:
  MountedPair(std::filesystem::path folder, const TestIdentity& pair) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    std::filesystem::create_symlink("..data/tls.crt", folder_ / "tls.crt");
    std::filesystem::create_symlink("..data/tls.key", folder_ / "tls.key");
    replace(pair);
  }

  /// Replaces both files at once; deletes the version before.
  void replace(const TestIdentity& pair) {
    const auto before = version();
    ++version_;
    std::filesystem::create_directory(version());
    std::ofstream(version() / "tls.crt") << pair.certificate_pem;
    std::ofstream(version() / "tls.key") << pair.key_pem;
    std::filesystem::create_directory_symlink(version().filename(), folder_ / "..data_tmp");
    std::filesystem::rename(folder_ / "..data_tmp", folder_ / "..data");
    std::filesystem::remove_all(before);
  }

 private:
  [[nodiscard]] std::filesystem::path version() const {
    return folder_ / (".." + std::to_string(version_));
  }

  const std::filesystem::path folder_;
  int version_ = 0;
};

}  // namespace receiver::test
