// One colour scale: viridis (van der Walt and Smith 2015), even steps with and without colour vision.

const STOPS = ["440154", "482475", "414487", "355f8d", "2a788e", "21908d", "22a884", "42be71", "7ad151", "bddf26", "fde725"];
const SHADES = 256;

const RGB = STOPS.map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

const TABLE = Array.from({ length: SHADES }, (_, shade) => {
  const place = (shade / (SHADES - 1)) * (RGB.length - 1);
  const i = Math.min(RGB.length - 2, Math.floor(place));
  const mixed = RGB[i].map((from, k) => Math.round(from + (RGB[i + 1][k] - from) * (place - i)));
  return `rgb(${mixed.join(",")})`;
});

/** The colour for a share 0 … 1 of the scale. */
export const shade = (share) => TABLE[Math.round(Math.min(1, Math.max(0, share)) * (SHADES - 1))];

/** The stops of an SVG gradient along the scale. */
export const STOP_COLOURS = STOPS.map((hex, i) => [i / (STOPS.length - 1), `#${hex}`]);
