using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Imaging;
using GuardSharp.Lab.Attacks.Pixels;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>A row as the attacker sees it: its prompt as ids, its pictures as pixels that may be moved.</summary>
/// <param name="Sample">The row.</param>
/// <param name="Question">The prompt.</param>
/// <param name="Maps">What the preprocessor does to each picture.</param>
/// <param name="Clean">The pictures as they are, without alpha.</param>
internal sealed record PgdTarget(Sample Sample, FirstQuestion Question, IReadOnlyList<PixelMap> Maps, IReadOnlyList<PixelPlanes> Clean)
{
    /// <summary>Prepares a row.</summary>
    /// <exception cref="GuardException">The guard cannot read the row, or leaves some of its pictures out.</exception>
    public static PgdTarget Of(Sample sample, GuardClassifier guard, ClassifyOptions options, IImageProcessor processor)
    {
        var question = guard.Ask(sample.Conversation, options);
        if (question.Prompt.Images.Count != sample.ImageCount)
        {
            throw new GuardException(
                $"{sample.Place}: the row has {sample.ImageCount} pictures, of which the guard sees {question.Prompt.Images.Count}. Attack rows with as many as it takes, without --image-limit.");
        }

        PixelPlanes[] clean = [.. Pictures(sample.Conversation).Select(picture => PixelMap.Flatten(processor, ImageDecoder.Decode(picture.Data.Span, new ImageLimits())))];
        return new PgdTarget(sample, question, [.. clean.Select(picture => PixelMap.Of(processor, picture.Width, picture.Height))], clean);
    }

    /// <summary>The pictures of a conversation, oldest first.</summary>
    public static IEnumerable<ImagePart> Pictures(Conversation conversation) => conversation.Turns.SelectMany(turn => turn.Parts.OfType<ImagePart>());

    /// <summary>The row's conversation with other pictures in place of its own.</summary>
    public Conversation With(IReadOnlyList<byte[]> files)
    {
        var next = 0;
        return new Conversation([.. Sample.Conversation.Turns.Select(turn => turn with
        {
            Parts = [.. turn.Parts.Select(part => part is ImagePart ? new ImagePart(files[next++]) : part)],
        })]);
    }
}
