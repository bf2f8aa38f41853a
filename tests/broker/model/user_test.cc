#include "broker/model/user.h"

#include <gtest/gtest.h>

namespace lepus::model {
namespace {

constexpr std::string_view salt{"\xCA\xD5\x08\x9B", 4};

TEST(PasswordTest, IsHashedAsRabbitMqDoes) {
  EXPECT_EQ(hash_password("simon", salt, PasswordHashing::sha256),
            "ytUIm1ruBv8dbuXf8jo3yKhGfE9Xu5vXpi7ti/E17ovdt2wK");
}

TEST(PasswordTest, FitsItsOwnHashAlone) {
  for (const PasswordHashing hashing :
       {PasswordHashing::sha256, PasswordHashing::sha512, PasswordHashing::md5}) {
    const std::string hash = hash_password("secret", hashing);
    EXPECT_TRUE(password_matches("secret", hash, hashing));
    EXPECT_FALSE(password_matches("Secret", hash, hashing));
    EXPECT_FALSE(password_matches("", hash, hashing));
    EXPECT_FALSE(password_matches("secret2", hash, hashing));
  }
}

TEST(PasswordTest, HasAnotherSaltEachTime) {
  EXPECT_NE(hash_password("secret", PasswordHashing::sha256),
            hash_password("secret", PasswordHashing::sha256));
}

TEST(PasswordTest, DoesNotFitAHashOfAnotherKind) {
  const std::string hash = hash_password("secret", PasswordHashing::sha256);
  EXPECT_FALSE(password_matches("secret", hash, PasswordHashing::sha512));
}

TEST(PasswordTest, NothingFitsAnEmptyOrDamagedHash) {
  for (const char* hash : {"", "====", "yt", "!!!!", "ytUImw=="}) {
    EXPECT_FALSE(password_matches("", hash, PasswordHashing::sha256)) << hash;
  }
}

TEST(PasswordTest, HashingIsNamedAsInExportedDefinitions) {
  for (const PasswordHashing hashing :
       {PasswordHashing::sha256, PasswordHashing::sha512, PasswordHashing::md5}) {
    EXPECT_EQ(password_hashing_from(name_of(hashing)), hashing);
  }
  EXPECT_EQ(name_of(PasswordHashing::sha256), "rabbit_password_hashing_sha256");
  EXPECT_EQ(password_hashing_from("sha256"), std::nullopt);
}

}  // namespace
}  // namespace lepus::model
