#include "broker/transport/distinguished_name.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

namespace lepus::transport {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 17> names{{
    {NID_surname, "SN"},
    {NID_givenName, "GIVENNAME"},
    {NID_initials, "INITIALS"},
    {NID_generationQualifier, "GENERATIONQUALIFIER"},
    {NID_commonName, "CN"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_title, "TITLE"},
    {NID_countryName, "C"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_pseudonym, "PSEUDONYM"},
    {NID_domainComponent, "DC"},
    {NID_pkcs9_emailAddress, "EMAILADDRESS"},
    {NID_streetAddress, "STREET"},
    {NID_userId, "UID"},
}};

std::string name_of(const ASN1_OBJECT* type) {
  const int known = OBJ_obj2nid(type);
  for (const auto& [number, name] : names) {
    if (number == known) {
      return std::string{name};
    }
  }
  std::array<char, 128> numbers{};
  OBJ_obj2txt(numbers.data(), static_cast<int>(numbers.size()), type, 1);
  return numbers.data();
}

std::string escaped(std::string_view value) {
  constexpr std::string_view special = "\"+,;<>\\";
  std::string text;
  for (std::size_t place = 0; place < value.size(); ++place) {
    const char letter = value[place];
    const auto octet = static_cast<unsigned char>(letter);
    const bool is_at_an_end = (place == 0 && (letter == ' ' || letter == '#')) ||
                              (place + 1 == value.size() && letter == ' ');
    if (is_at_an_end || special.find(letter) != std::string_view::npos) {
      text += '\\';
      text += letter;
    } else if (octet < 32 || octet >= 126) {
      text += fmt::format("\\{:02X}", octet);
    } else {
      text += letter;
    }
  }
  return text;
}

/// "CN=orders", or nothing for a value that is no text.
std::optional<std::string> part_text(const X509_NAME_ENTRY* part) {
  unsigned char* utf8 = nullptr;
  const int bytes = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(part));
  if (bytes < 0) {
    return std::nullopt;
  }
  std::string text =
      name_of(X509_NAME_ENTRY_get_object(part)) + '=' +
      escaped({reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(bytes)});
  OPENSSL_free(utf8);
  return text;
}

}  // namespace

std::string distinguished_name(const X509_NAME* name) {
  std::vector<std::string> sets;
  int last_set = -1;
  for (int place = 0; place < X509_NAME_entry_count(name); ++place) {
    const X509_NAME_ENTRY* part = X509_NAME_get_entry(name, place);
    const auto text = part_text(part);
    if (!text) {
      return {};  // Half of a name is another name.
    }
    const bool is_in_the_same_set =
        std::exchange(last_set, X509_NAME_ENTRY_set(part)) == X509_NAME_ENTRY_set(part);
    if (is_in_the_same_set) {
      sets.back() += '+' + *text;
    } else {
      sets.push_back(*text);
    }
  }
  std::ranges::reverse(sets);
  return fmt::format("{}", fmt::join(sets, ","));
}

}  // namespace lepus::transport
