namespace GuardSharp.Prompts;

/// <summary>A piece of a rendered prompt. Only prompt builders make <see cref="SpecialSegment"/>: text can never become one.</summary>
internal abstract record PromptSegment;

/// <summary>A special token of the checkpoint, by its name in the tokenizer file, such as <c>&lt;|header_start|&gt;</c>.</summary>
internal sealed record SpecialSegment(string Name) : PromptSegment;

/// <summary>Ordinary text, the template's and the user's joined: byte pairs form across them as in the reference.</summary>
internal sealed record TextSegment(string Text) : PromptSegment;

/// <summary>The place of an image: the index-th image of the conversation, counted over all its turns.</summary>
internal sealed record ImageSegment(int Index) : PromptSegment;
