'use strict';

const DELAY_MS = 4_000;

/**
 * A row of pictures that turns by itself.
 * @param {HTMLElement} root
 */
class Carousel {
  #timer = null;
  index = 0;

  constructor(root, { delay = DELAY_MS } = {}) {
    this.root = root;
    this.delay = delay;
  }

  get pictures() {
    return Array.from(this.root.querySelectorAll('img'));
  }

  // Wraps around at both ends.
  show(index) {
    const pictures = this.pictures;
    this.index = (index + pictures.length) % pictures.length;
    pictures.forEach((picture, at) => {
      picture.hidden = at !== this.index;
    });
  }

  start() {
    this.#timer = setInterval(() => this.show(this.index + 1), this.delay);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

function* every(n, items) {
  for (let at = 0; at < items.length; at += n) {
    yield items[at];
  }
}

// Template literals hold code: `${class}` is none of it.
const caption = (picture) => {
  return `<figcaption>${picture.alt || 'untitled'} – "${picture.title}"</figcaption>`;
};

Carousel.prototype.describe = function describe() {
  return this.pictures.map(caption).join('\n');
};

if (typeof module !== 'undefined') {
  module.exports = { Carousel, caption, every };
}
