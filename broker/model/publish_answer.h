#pragma once

namespace lepus::model {

/// What became of a publish as far as its channel can know at once. `later`: a Confirmed follows if
/// the publisher has a confirm number.
enum class PublishAnswer { taken, refused, later };

}  // namespace lepus::model
