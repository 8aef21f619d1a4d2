using GuardSharp.Defences;
using GuardSharp.Imaging;
using GuardSharp.Lab.Attacks.Pixels;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>What an attacker sees of a row's pictures at one step: through the guard alone, or through every look of a guard behind defences.</summary>
/// <remarks>
/// Through defences the gradient is an approximation (BPDA: A. Athalye, N. Carlini, D. Wagner, arXiv:1802.00420). Forward goes the defence itself; backward it
/// counts as the identity, but for a change of size, whose transposed map is exact. The margins of all looks are added; P(unsafe) is that of the worst.
/// </remarks>
/// <param name="room">Who is attacked.</param>
/// <param name="defences">Defences that the attacker knows; none: the guard alone.</param>
internal sealed class PgdLooks(PgdRoom room, IReadOnlyList<IDefence> defences)
{
    /// <summary>P(unsafe) of the worst look, and where wanted the gradient of the sum of all margins.</summary>
    /// <param name="target">The row.</param>
    /// <param name="pictures">Its pictures now.</param>
    /// <param name="gradients">Whether gradients are wanted.</param>
    /// <param name="cancellation">Stops between two looks.</param>
    /// <returns>Gradients [3, H, W] of each picture; none where none are wanted.</returns>
    public (double Probability, IReadOnlyList<float[]> Gradients) See(PgdTarget target, IReadOnlyList<PixelPlanes> pictures, bool gradients, CancellationToken cancellation)
    {
        var (worst, sum) = Look(target, pictures, gradients);
        if (defences.Count == 0)
        {
            return (worst, sum);
        }

        var attacked = target.With([.. pictures.Select(picture => ImageEncoder.Png(picture.Round()))]);
        foreach (var view in DefendedGuard.ViewsOf(defences, attacked, cancellation))
        {
            var look = room.Prepare(target.Sample.With(view.Conversation));
            var (probability, slopes) = Look(look, look.Clean, gradients);
            worst = Math.Max(worst, probability);
            // A view without the pictures says nothing about them.
            for (var i = 0; i < slopes.Count && slopes.Count == sum.Count; i++)
            {
                Add(slopes[i], look.Clean[i], sum[i], pictures[i]);
            }
        }

        return (worst, sum);
    }

    private (double Probability, List<float[]> Gradients) Look(PgdTarget target, IReadOnlyList<PixelPlanes> pictures, bool gradients)
    {
        var tiles = target.Maps.Zip(pictures, (map, picture) => map.Forward(picture)).ToList();
        var (margin, slopes) = room.Network.Judge(target.Question, tiles, gradients);
        return (target.Question.Probability(margin), [.. slopes.Select((slope, i) => target.Maps[i].Backward(slope, pictures[i].Width, pictures[i].Height))]);
    }

    // The gradient of a view's picture as one of the picture that it was made from.
    private static void Add(float[] slope, PixelPlanes view, float[] sum, PixelPlanes picture)
    {
        var resize = new PlaneResize(picture.Width, picture.Height, view.Width, view.Height);
        for (var channel = 0; channel < PixelPlanes.Channels; channel++)
        {
            resize.AddTransposed(slope.AsSpan(channel * view.Area, view.Area), sum.AsSpan(channel * picture.Area, picture.Area));
        }
    }
}
