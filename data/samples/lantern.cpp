// Lanterns along a quay, each with a brightness of its own.
#include <algorithm>
#include <string>
#include <vector>

namespace quay {

constexpr int kDarkest = 0;

/// One lantern.
class Lantern {
public:
    explicit Lantern(std::string name) : name_(std::move(name)) {}
    virtual ~Lantern() = default;

    /// Make it as bright as asked, within its bounds.
    void dim(int level) {
        level_ = std::clamp(level, kDarkest, brightest());
    }

    // Tells what was set.
    int level() const { return level_; }

protected:
    virtual int brightest() const { return 10; }

private:
    std::string name_;
    int level_ = kDarkest;
};

/// A lantern of a ship, which may be brighter.
struct Beacon final : Lantern {
    using Lantern::Lantern;

protected:
    int brightest() const override { return 100; }
};

enum class Mode { Day, Night };

/// Set all lanterns of a row.
template <typename Row>
void set_all(Row &row, Mode mode) {
    for (auto &lantern : row) {
        lantern.dim(mode == Mode::Night ? 8 : kDarkest);
    }
}

int sum(const std::vector<Lantern> &row);

}  // namespace quay

int quay::sum(const std::vector<quay::Lantern> &row) {
    int total = 0;
    for (const auto &lantern : row) {
        total += lantern.level();
    }
    return total;
}

bool operator<(const quay::Lantern &left, const quay::Lantern &right) {
    return left.level() < right.level();
}
