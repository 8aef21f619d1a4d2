using System.Security.Cryptography;
using System.Text;

namespace GuardSharp.Engine;

/// <summary>What keys and values depend on, position by position: prompts whose first n keys are equal have equal keys and values for their first n tokens.</summary>
/// <remarks>
/// A key is the token's id, but where a token stands for a picture it is a negative number of that picture's content. No number is used
/// twice, so a picture whose number was forgotten is taken for a new one, never for another. Belongs to the engine's thread.
/// </remarks>
/// <param name="imageToken">Id of the tokens that stand for pictures.</param>
/// <param name="remembered">Pictures whose numbers are remembered.</param>
internal sealed class PromptKeys(int imageToken, int remembered = 4096)
{
    private readonly Dictionary<string, long> _numbers = [];
    private long _last;

    /// <summary>The keys of a prompt whose tokens depend on the pictures up to them.</summary>
    /// <param name="ids">All ids.</param>
    /// <param name="images">The pictures, in the order of their tokens.</param>
    /// <param name="tiles">For each picture what its share of the image tokens is proportional to.</param>
    /// <exception cref="ArgumentException">The image tokens cannot be shared among the pictures.</exception>
    public long[] Of(int[] ids, IReadOnlyList<EncodedImage> images, IReadOnlyList<int> tiles)
    {
        var keys = Array.ConvertAll(ids, id => (long)id);
        if (images.Count == 0)
        {
            return keys;
        }

        var (tokens, all) = (ids.Count(id => id == imageToken), tiles.Sum());
        if (all == 0 || tokens % all != 0)
        {
            throw new ArgumentException($"The prompt has {tokens} image tokens, which cannot be shared among the {all} parts of its {images.Count} images.", nameof(ids));
        }

        var (picture, left) = (-1, 0);
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] != imageToken)
            {
                continue;
            }

            while (left == 0)
            {
                left = tiles[++picture] * (tokens / all);
            }

            keys[i] = Number(images[picture].Digest);
            left--;
        }

        return keys;
    }

    /// <summary>The keys of a prompt every token of which depends on all pictures: they are part of the first key.</summary>
    public long[] OfTokensThatReadAll(int[] ids, IReadOnlyList<EncodedImage> images)
    {
        var keys = Array.ConvertAll(ids, id => (long)id);
        if (images.Count > 0)
        {
            keys[0] = Number($"{ids[0]} {DigestOf(images)}");
        }

        return keys;
    }

    /// <summary>One digest of several pictures, in their order.</summary>
    public static string DigestOf(IReadOnlyList<EncodedImage> images) => images.Count == 1
        ? images[0].Digest
        : Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join(' ', images.Select(image => image.Digest)))));

    private long Number(string content)
    {
        if (_numbers.TryGetValue(content, out var number))
        {
            return number;
        }

        if (_numbers.Count >= remembered)
        {
            _numbers.Clear();
        }

        return _numbers[content] = --_last;
    }
}
