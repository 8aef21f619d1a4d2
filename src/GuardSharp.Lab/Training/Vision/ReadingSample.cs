using GuardSharp.Evaluation.Typesetting;
using GuardSharp.Imaging;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>A token of a rendered text and a vision token in whose cell a good part of it stands.</summary>
/// <param name="Cell">Index of the vision token among all of the picture's tiles.</param>
/// <param name="Id">The token's id.</param>
internal readonly record struct PlacedToken(int Cell, int Id);

/// <summary>A picture with what every patch and every vision token of it should say.</summary>
/// <remarks>Shapes: T tiles of S x S patches; a cell is 2 x 2 patches, one vision token (pixel shuffle).</remarks>
/// <param name="Tiles">The picture as the network takes it.</param>
/// <param name="Letters">[T, S*S, LetterSlots]: classes of the letters whose middle lies in the patch, from left to right; Ignored: nothing is asked.</param>
/// <param name="Tokens">Tokens of the text in their cells: a cell may hold several or none, and a wide token stands in several.</param>
/// <param name="AskedTiles">[T]: false where the text is too small to be read, so that nothing is asked.</param>
internal sealed record ReadingSample(TiledImage Tiles, int[] Letters, IReadOnlyList<PlacedToken> Tokens, bool[] AskedTiles)
{
    /// <summary>Letters that a patch can name: at the smallest size asked for a letter is 5 pixels wide.</summary>
    public const int LetterSlots = 3;

    /// <summary>Marks a slot about which nothing is asked.</summary>
    public const int Ignored = -100;

    // Font size in pixels of the tile below which letters run together.
    private const float SmallestReadable = 8.5f;

    /// <summary>Tiles a picture and finds the targets.</summary>
    /// <param name="picture">The rendered text.</param>
    /// <param name="processor">The model's tiling.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    public static ReadingSample Create(TypesetPicture picture, Llama4ImageProcessor processor, int patchSize, ITokenizer tokenizer)
    {
        var canvas = processor.ChooseCanvas(picture.Image.Width, picture.Image.Height);
        var tiles = processor.Process(picture.Image);
        var targets = new Targets(tiles, patchSize);
        var tokens = TokenLetters(picture, tokenizer);
        targets.Place(picture, tokens, (float)canvas.Width / picture.Image.Width, (float)canvas.Height / picture.Image.Height, 0, canvas.GridColumns, canvas.GridRows * canvas.GridColumns);
        if (canvas.HasGlobalTile)
        {
            var side = (float)tiles.TileSize;
            targets.Place(picture, tokens, side / picture.Image.Width, side / picture.Image.Height, tiles.Tiles - 1, 1, 1);
        }

        return targets.ToSample();
    }

    /// <summary>For each token of the text that is in the picture: its id and the range of its letters among the picture's.</summary>
    private static List<(int Id, int First, int Count)> TokenLetters(TypesetPicture picture, ITokenizer tokenizer)
    {
        var letterOf = new int[picture.Text.Length];
        Array.Fill(letterOf, -1);
        for (var i = 0; i < picture.Letters.Count; i++)
            letterOf[picture.Letters[i].Index] = i;
        var ids = new List<int>();
        tokenizer.Encode(picture.Text, ids);
        var result = new List<(int Id, int First, int Count)>();
        var (character, bytesLeft) = (0, 0);
        foreach (var id in ids)
        {
            var (first, count) = (-1, 0);
            for (var bytes = tokenizer.BytesOf(id).Length; bytes > 0 && character < letterOf.Length;)
            {
                bytesLeft = bytesLeft == 0 ? Utf8Length(picture.Text[character]) : bytesLeft;
                if (letterOf[character] >= 0)
                {
                    first = first < 0 ? letterOf[character] : first;
                    count = letterOf[character] - first + 1;
                }

                var taken = Math.Min(bytes, bytesLeft);
                (bytes, bytesLeft) = (bytes - taken, bytesLeft - taken);
                character += bytesLeft == 0 ? 1 : 0;
            }

            if (count > 0)
                result.Add((id, first, count));
        }

        return result;
    }

    // Surrogates: 2 + 2 bytes of the pair's 4.
    private static int Utf8Length(char c) => c < 0x80 ? 1 : c < 0x800 || char.IsSurrogate(c) ? 2 : 3;

    /// <summary>Collects the targets tile by tile.</summary>
    private sealed class Targets
    {
        private readonly TiledImage _tiles;
        private readonly int _patchSize;
        private readonly int _side;
        private readonly int[] _letters;
        private readonly bool[] _asked;
        private readonly List<PlacedToken> _tokens = [];

        public Targets(TiledImage tiles, int patchSize)
        {
            (_tiles, _patchSize, _side) = (tiles, patchSize, tiles.TileSize / patchSize);
            _letters = new int[tiles.Tiles * _side * _side * LetterSlots];
            _asked = new bool[tiles.Tiles];
        }

        public ReadingSample ToSample() => new(_tiles, _letters, _tokens, _asked);

        /// <summary>Places the text on tiles [first, first + count), laid out in rows of <paramref name="columns"/>.</summary>
        public void Place(TypesetPicture picture, List<(int Id, int First, int Count)> tokens, float scaleX, float scaleY, int first, int columns, int count)
        {
            if (picture.Size * Math.Min(scaleX, scaleY) < SmallestReadable)
            {
                _letters.AsSpan(first * _side * _side * LetterSlots, count * _side * _side * LetterSlots).Fill(Ignored);
                return;
            }

            _asked.AsSpan(first, count).Fill(true);
            foreach (var letter in picture.Letters)
                AddLetter(PatchAt(letter.X * scaleX, letter.Y * scaleY, first, columns), picture.Text[letter.Index]);
            foreach (var (id, firstLetter, letters) in tokens)
            {
                // A token broken over two lines stands where it begins.
                var start = picture.Letters[firstLetter];
                var end = firstLetter + letters - 1;
                while (picture.Letters[end].Y != start.Y)
                    end--;
                AddToken(id, start.X * scaleX, picture.Letters[end].X * scaleX, start.Y * scaleY, first, columns);
            }
        }

        /// <summary>A token stands in the cell of its middle, and in every other one of which it covers half the width.</summary>
        private void AddToken(int id, float left, float right, float y, int first, int columns)
        {
            var width = 2 * _patchSize;
            var middle = (int)((left + right) / 2 / width);
            for (var column = (int)(left / width); column <= (int)(right / width); column++)
            {
                var covered = Math.Min(right, (column + 1) * width) - Math.Max(left, column * width);
                if (column == middle || covered >= _patchSize)
                    _tokens.Add(new PlacedToken(CellOf(PatchAt((column + 0.5f) * width, y, first, columns)), id));
            }
        }

        private int PatchAt(float x, float y, int first, int columns)
        {
            var (px, py) = ((int)(x / _patchSize), (int)(y / _patchSize));
            var tile = first + (py / _side * columns) + (px / _side);
            return (((tile * _side) + (py % _side)) * _side) + (px % _side);
        }

        private int CellOf(int patch)
        {
            var (tile, inner) = Math.DivRem(patch, _side * _side);
            var half = _side / 2;
            return (tile * half * half) + (inner / _side / 2 * half) + (inner % _side / 2);
        }

        private void AddLetter(int patch, char letter)
        {
            var slots = _letters.AsSpan(patch * LetterSlots, LetterSlots);
            var free = slots.IndexOf(LetterClasses.Nothing);
            if (free >= 0)
                slots[free] = LetterClasses.Of(letter);
        }
    }
}
